"""CLIP - Radford et al. (2021), "Learning Transferable Visual Models From Natural Language
Supervision".

    T_ij = scale * cos(image_i, text_j)                       scale = 1 / temperature
    L    = (cross-entropy of T's rows + of its columns) / 2   the right answer on the diagonal

InfoNCE both ways: which caption belongs to the image, which image to the caption. log B - L is a
lower bound on the mutual information of image and caption, in nats, and cannot exceed log B.

Paper and code: the authors published no training code; we follow open_clip. There the scale is
exp(s) with a learnt s that starts at log(1 / 0.07) and is clamped to at most log 100. Here the
scale is given: who learns it clamps it. A batch of one has loss 0 whatever the networks say, so
it is refused.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import positive
from labkit.losses.checks import products, unit, wide


def clip(image: Tensor, text: Tensor, *, scale: float | Tensor) -> Tensor:
    """Cross-entropy of finding each image's caption in the batch and the reverse, in nats.

    Shapes: image [B, D], text [B, D], pairs in the same row, of any length; a scalar comes back.
    scale: 1 / temperature, above 0, a number or a tensor of one element, which may be learnt
    Value at chance (all cosines equal): log B, whatever the scale; at least
    log(1 + (B - 1) exp(-scale B / (B - 1))).
    Raises ValueError for scale <= 0, B < 2 and shapes that differ.
    Source: Radford et al. (2021); open_clip.
    """
    scores = clip_scores(image, text, scale=scale)  # [B, B]
    own = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def clip_scores(image: Tensor, text: Tensor, *, scale: float | Tensor) -> Tensor:
    """T_ij = scale * cosine of image i and caption j for all pairs, -scale..scale.

    Shapes: image [B, D], text [B, D], pairs in the same row; [B, B] in float32 or float64 comes
    back, pairs on the diagonal.
    Raises ValueError for scale <= 0, B < 2 and shapes that differ.
    """
    factor = clip_scale(scale)
    return factor * products(*clip_pairs(image, text))


def clip_pairs(image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """Both [B, D] on the unit sphere in float32 or float64; ValueError unless B >= 2 pairs."""
    for name, x in (("image", image), ("text", text)):
        if x.dim() != 2 or len(x) < 2 or x.shape[1] < 1:
            raise ValueError(
                f"{name} must be [B, D] with B >= 2, got {list(x.shape)}: "
                "one pair alone has no negatives"
            )
        if not torch.is_floating_point(x):
            raise ValueError(f"{name} must be floating point embeddings, got {x.dtype}")
    if image.shape != text.shape:
        raise ValueError(
            f"image {list(image.shape)} and text {list(text.shape)} must have one shape [B, D]"
        )
    image, text = wide(image), wide(text)
    kind = torch.promote_types(image.dtype, text.dtype)
    return unit(image.to(kind)), unit(text.to(kind))


def clip_scale(scale: float | Tensor) -> float | Tensor:
    """`scale` as a number or as a tensor [], with its gradient; ValueError unless it is > 0."""
    if not isinstance(scale, Tensor):
        return positive("scale", scale)
    positive("scale", _number("scale", scale))
    return scale.reshape(())


def clip_bias(bias: float | Tensor) -> float | Tensor:
    """`bias` as a number or as a tensor [], with its gradient; ValueError unless it is finite."""
    value = _number("bias", bias) if isinstance(bias, Tensor) else bias
    if isinstance(value, (bool, str)) or value is None or not math.isfinite(float(value)):
        raise ValueError(f"bias must be a finite number, got {bias!r}")
    return bias.reshape(()) if isinstance(bias, Tensor) else float(value)


def _number(name: str, value: Tensor) -> float:
    if value.numel() != 1:
        raise ValueError(f"{name} must be a number or one element, got {list(value.shape)}")
    return value.item()
