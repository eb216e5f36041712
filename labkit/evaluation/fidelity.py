"""Fidelity: how well a student imitates its teacher, right or wrong."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from labkit.errors import positive


class Fidelity(NamedTuple):
    """How near a student's predictions are to its teacher's, on average over pictures."""

    agreement: float  # share of pictures where both name the same class, 0..1; 1 / C at chance
    divergence: float  # KL(teacher || student) in nats, 0 for the same predictions


def fidelity(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0
) -> Fidelity:
    """Top-1 agreement and mean KL of a student's predictions from its teacher's.

    Shapes: both [N, C]. `temperature` softens both for the KL; no T^2 here, it is no loss.
    Source: Stanton et al. (2021), "Does knowledge distillation really work?".
    Raises ValueError for shapes that differ, no pictures, and temperature <= 0.
    """
    if student_logits.shape != teacher_logits.shape or student_logits.dim() != 2:
        raise ValueError(
            "student_logits and teacher_logits must both be [N, C], got "
            f"{list(student_logits.shape)} and {list(teacher_logits.shape)}"
        )
    if not len(student_logits):
        raise ValueError("student_logits has no rows: give the logits of at least one picture")
    same = student_logits.argmax(1) == teacher_logits.argmax(1)
    ours, theirs = (
        (logits.double() / positive("temperature", temperature)).log_softmax(1)
        for logits in (student_logits, teacher_logits)
    )
    divergence = F.kl_div(ours, theirs, reduction="batchmean", log_target=True)
    return Fidelity(same.double().mean().item(), divergence.item())
