"""What the losses share: argument checks, and arithmetic in enough precision."""

import torch
import torch.nn.functional as F
from torch import Tensor


def check_logits(student_logits: Tensor, teacher_logits: Tensor) -> None:
    """ValueError unless both are [B, C] of the same shape, with B and C at least 1."""
    s, t = tuple(student_logits.shape), tuple(teacher_logits.shape)
    if s != t:
        raise ValueError(
            f"student_logits {list(s)} and teacher_logits {list(t)} must have one shape [B, C]"
        )
    if len(s) != 2 or 0 in s:
        raise ValueError(f"logits must be [B, C] with B, C >= 1, got {list(s)}")
    if not (torch.is_floating_point(student_logits) and torch.is_floating_point(teacher_logits)):
        raise ValueError("logits must be floating point, before any softmax or argmax")


def wide(x: Tensor) -> Tensor:
    """`x` in float32, or as it is in float64: losses of small differences need the digits."""
    return x if x.dtype == torch.float64 else x.float()


def check_maps(student: Tensor, teacher: Tensor, *, names: tuple[str, str]) -> None:
    """ValueError unless both are floating point [B, C, H, W] with the same B and nothing empty."""
    for name, x in zip(names, (student, teacher), strict=True):
        if x.dim() != 4 or 0 in x.shape:
            raise ValueError(f"{name} must be [B, C, H, W], none of them 0, got {list(x.shape)}")
    _check_batch(student, teacher, names)


def _check_batch(student: Tensor, teacher: Tensor, names: tuple[str, str]) -> None:
    for name, x in zip(names, (student, teacher), strict=True):
        if not torch.is_floating_point(x):
            raise ValueError(f"{name} must be floating point, got {x.dtype}")
    if len(student) != len(teacher):
        raise ValueError(
            f"{names[0]} has {len(student)} examples and {names[1]} {len(teacher)}: "
            "both must come from one batch"
        )


def same_size(student_map: Tensor, teacher_map: Tensor) -> tuple[Tensor, Tensor]:
    """Both maps in float32 or float64, the larger average-pooled to the height and width of the
    smaller: [B, C, H, W] each, with its own C."""
    check_maps(student_map, teacher_map, names=("student_map", "teacher_map"))
    height = min(student_map.shape[2], teacher_map.shape[2])
    width = min(student_map.shape[3], teacher_map.shape[3])
    pooled = [F.adaptive_avg_pool2d(wide(x), (height, width)) for x in (student_map, teacher_map)]
    return pooled[0], pooled[1]


def rows(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Both as rows [B, D] in float32 or float64, each with its own D; ValueError if B < 2."""
    for name, x in (("student", student), ("teacher", teacher)):
        if x.dim() < 2 or 0 in x.shape or len(x) < 2:
            raise ValueError(
                f"{name} must be [B, ...] with B >= 2 and no size 0, got {list(x.shape)}: "
                "a single example has no relations"
            )
    _check_batch(student, teacher, ("student", "teacher"))
    return wide(student).flatten(1), wide(teacher).flatten(1)


def products(a: Tensor, b: Tensor) -> Tensor:
    """a b^T over the last two axes, in the precision of the arguments even under autocast."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ b.transpose(-1, -2)


def unit(x: Tensor) -> Tensor:
    """`x` with norm 1 along the last axis; a zero vector stays zero, its gradient ordinary."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / torch.where(length > 0, length, 1.0)
