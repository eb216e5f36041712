"""VID - Ahn, Hu, Damianou, Lawrence, Dai (2019), "Variational Information Distillation for
Knowledge Transfer".

    v_c = softplus(a_c) + 1e-5                          a learnt variance per teacher channel
    L   = mean over all elements of ((m(s) - t)^2 / v_c + log v_c) / 2

m is a learnt regressor from the student's map to the teacher's; the loss is the negative
log-likelihood of the teacher's map under a Gaussian, less the constant log(2 pi) / 2, and bounds
the mutual information from below. It can be negative.

Code: as in RepDistiller, m is three 1x1 convolutions without bias, ReLU between, and v starts at 5.
mdistiller leaves a out of the parameters it trains; there the variance never moves. Give the
optimiser the parameters of `VID`, or this happens here too.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.errors import between, whole
from labkit.losses.checks import check_maps, same_size, wide

EPS = 1e-5  # the least variance


def vid(mean: Tensor, raw_variance: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood of the teacher's map per element, in nats, less log(2 pi) / 2.

    Shapes: mean [B, C, H, W], raw_variance [C], target [B, C, H, W]; a scalar comes back.
    The variance is softplus(raw_variance) + 1e-5, so any raw value is allowed.
    Value: at least log(1e-5) / 2; with mean and target equal it is the mean of log(variance) / 2.
    Raises ValueError for shapes that do not fit.
    Source: Ahn et al. (2019), the Gaussian with one variance per channel.
    """
    check_maps(mean, target, names=("mean", "target"))
    if mean.shape != target.shape:
        raise ValueError(
            f"mean {list(mean.shape)} and target {list(target.shape)} must have one shape"
        )
    if raw_variance.shape != mean.shape[1:2]:
        raise ValueError(
            f"raw_variance must be [{mean.shape[1]}], one value per channel, "
            f"got {list(raw_variance.shape)}"
        )
    variance = (F.softplus(wide(raw_variance)) + EPS)[:, None, None]  # [C, 1, 1]
    return ((wide(mean) - wide(target)).square() / variance + variance.log()).mean() / 2


class VID(nn.Module):
    """The loss with its regressor and variances, for one pair of maps.

    Shapes: forward takes student_map [B, student_channels, H, W] and teacher_map
    [B, teacher_channels, H', W'], pools the larger to the smaller and gives a scalar.
    Raises ValueError for channels below 1 and initial_variance outside 1e-4..1e4.
    """

    def __init__(
        self, student_channels: int, teacher_channels: int, *, initial_variance: float = 5.0
    ) -> None:
        super().__init__()
        inner = whole("teacher_channels", teacher_channels)
        v = between("initial_variance", initial_variance, 1e-4, 1e4) - EPS
        raw = v + math.log(-math.expm1(-v))  # softplus(raw) = v
        self.raw_variance = nn.Parameter(torch.full((inner,), raw))
        self.regressor = nn.Sequential(
            nn.Conv2d(whole("student_channels", student_channels), inner, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 1, bias=False),
        )

    def forward(self, student_map: Tensor, teacher_map: Tensor) -> Tensor:
        student_map, teacher_map = same_size(student_map, teacher_map)
        mean = self.regressor(student_map.to(self.raw_variance.dtype))
        return vid(mean, self.raw_variance, teacher_map)
