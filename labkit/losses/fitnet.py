"""FitNet - Romero et al. (2015), "FitNets: Hints for Thin Deep Nets".

    L = mean over all elements of (r(s) - t)^2

s is a map of the student, t the teacher's hint [B, C, H, W], r a learnt adapter that gives the
student's map the teacher's shape; the adapter belongs to the models, the loss starts after it.

Paper and code: the paper trains in two stages, first up to the hint, then the whole student by KD.
RepDistiller and mdistiller add the hint loss to the cross-entropy in a single stage, and so do we.
The mean over all elements is theirs too (RepDistiller's weight for it is 100).
"""

import torch.nn.functional as F
from torch import Tensor

from labkit.losses.checks import check_maps, wide


def fitnet(adapted_map: Tensor, teacher_map: Tensor) -> Tensor:
    """Mean squared difference of the adapted student map and the teacher's hint.

    Shapes: adapted_map [B, C, H, W], teacher_map [B, C, H, W]; a scalar comes back, >= 0.
    Value: 0 when the maps are equal; grows with the square of a common scale.
    Raises ValueError for shapes that differ and for maps that are not floating point.
    Source: Romero et al. (2015), the hint loss, as a mean.
    """
    check_maps(adapted_map, teacher_map, names=("adapted_map", "teacher_map"))
    if adapted_map.shape != teacher_map.shape:
        raise ValueError(
            f"adapted_map {list(adapted_map.shape)} and teacher_map {list(teacher_map.shape)} "
            "must have one shape [B, C, H, W]: adapt the student's map first"
        )
    return F.mse_loss(wide(adapted_map), wide(teacher_map))
