"""MobileNetV2 (Sandler et al. 2018) at half width, as the distillation benchmarks use it on CIFAR.

Differs from the paper as the benchmark does: the stride of the second stage is 1 instead of 2,
ReLU stands for ReLU6, and the block of expansion 1 keeps its first 1x1 convolution. The stem's
map is after ReLU; the others are linear bottlenecks and of either sign.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.features import Features
from labkit.models.layers import conv_norm, he_init

# For each map after the stem: (expansion, channels, blocks, stride of the first block).
STAGES = (
    ((1, 8, 1, 1), (6, 12, 2, 1)),
    ((6, 16, 3, 2),),
    ((6, 32, 4, 2), (6, 48, 3, 1)),
    ((6, 80, 3, 2), (6, 160, 1, 1)),
)


class InvertedResidual(nn.Module):
    """Widen by 1x1, filter each channel by 3x3, narrow by 1x1 without ReLU."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels_in * expansion
        self.widen = conv_norm(channels_in, hidden)
        self.depthwise = conv_norm(hidden, hidden, 3, stride, groups=hidden)
        self.narrow = conv_norm(hidden, channels_out)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        h = self.narrow(F.relu(self.depthwise(F.relu(self.widen(x)))))
        return x + h if self.residual else h


class MobileNetV2(nn.Module):
    """The half-width MobileNetV2 for 32x32 images; its pooled vector is after the last ReLU."""

    maps_after_relu = False

    def __init__(self, classes: int) -> None:
        super().__init__()
        channels, stages = 16, []
        self.stem = conv_norm(3, channels, 3, stride=2)
        for settings in STAGES:
            blocks: list[nn.Module] = []
            for expansion, width, count, first in settings:
                for stride in (first, *(1,) * (count - 1)):
                    blocks.append(InvertedResidual(channels, width, stride, expansion))
                    channels = width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.last = conv_norm(channels, 1280)
        self.fc = nn.Linear(1280, classes)
        he_init(self)

    def forward(self, x: Tensor) -> Features:
        maps = [F.relu(self.stem(x))]  # [B, 16, 16, 16]
        for stage in self.stages:
            maps.append(stage(maps[-1]))  # [B, 12 | 16 | 48 | 160, 16 | 8 | 4 | 2, ...]
        pooled = torch.mean(F.relu(self.last(maps[-1])), dim=(2, 3))  # [B, 1280]
        return Features(tuple(maps), pooled, self.fc(pooled))
