"""AT - Zagoruyko, Komodakis (2017), "Paying More Attention to Attention: Improving the Performance
of Convolutional Neural Networks via Attention Transfer".

    a(f) = mean over channels of f^2, flattened to [B, H W]      where a network looks
    q(f) = a(f) / ||a(f)||_2                                     per example
    L    = sum over stages of the mean over B H W of (q(s) - q(t))^2

Paper and code: the paper writes the norm ||q(s) - q(t)||_2 and a weight beta / 2; the authors' code
takes the mean of the squared difference, and so do we. The mean makes the loss small, hence the
weight 1000 in RepDistiller. Where sizes differ the larger map is average-pooled to the smaller
before it is squared, as in RepDistiller. Channels may differ: a(f) has none.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from labkit.losses.checks import same_size, wide


def at(student_maps: Sequence[Tensor], teacher_maps: Sequence[Tensor]) -> Tensor:
    """Squared difference of the normalised attention maps, summed over stages.

    Shapes: two sequences of the same length, the maps [B, C, H, W] with any C, H and W each;
    a scalar comes back, 0 to 2 / (H W) per stage.
    Value: 0 when the attention maps agree up to a scale per example.
    Raises ValueError for a single tensor, no stage, unequal numbers of stages or of examples.
    Source: Zagoruyko, Komodakis (2017), activation-based attention, as in the authors' code.
    """
    for name, maps in (("student_maps", student_maps), ("teacher_maps", teacher_maps)):
        if isinstance(maps, Tensor) or len(maps) == 0:
            raise ValueError(f"{name} must be a list of maps [B, C, H, W], one or more per network")
    if len(student_maps) != len(teacher_maps):
        raise ValueError(
            f"student_maps has {len(student_maps)} stages and teacher_maps {len(teacher_maps)}: "
            "pair them one to one"
        )
    losses = [_stage(s, t) for s, t in zip(student_maps, teacher_maps, strict=True)]
    return sum(losses[1:], start=losses[0])


def attention_map(feature_map: Tensor) -> Tensor:
    """Where a map is active: the mean square over channels, of norm 1 per example, [B, H, W]."""
    energy = wide(feature_map).square().mean(1)  # [B, H, W]
    return F.normalize(energy.flatten(1), dim=1).view_as(energy)  # [B, H, W]


def _stage(student_map: Tensor, teacher_map: Tensor) -> Tensor:
    student_map, teacher_map = same_size(student_map, teacher_map)
    return F.mse_loss(attention_map(student_map), attention_map(teacher_map))
