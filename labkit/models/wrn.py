"""Wide residual networks (Zagoruyko and Komodakis 2016), as the distillation benchmarks use them.

Depth 6n + 4, three stages of n pre-activation blocks with 16k, 32k, 64k channels for width k.
Maps are the stem's convolution and the stages' sums, all before the next BatchNorm and ReLU and
so of either sign; the pooled vector is after the last BatchNorm and ReLU.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.features import Features
from labkit.models.layers import he_init


class PreActivationBlock(nn.Module):
    """BatchNorm, ReLU, 3x3 convolution, twice; a shortcut that changes width starts after ReLU."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.shortcut: nn.Conv2d | None = None
        if channels_in != channels_out:
            self.shortcut = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = F.relu(self.bn1(x))
        h = self.conv2(F.relu(self.bn2(self.conv1(active))))
        return h + (x if self.shortcut is None else self.shortcut(active))


class WideResNet(nn.Module):
    """A wide ResNet for 32x32 images."""

    maps_after_relu = False

    def __init__(self, depth: int, width: int, classes: int) -> None:
        super().__init__()
        blocks = (depth - 4) // 6
        widths = (16, 16 * width, 32 * width, 64 * width)
        self.conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.stages = nn.ModuleList(
            nn.Sequential(
                PreActivationBlock(widths[i], widths[i + 1], 1 if i == 0 else 2),
                *(PreActivationBlock(widths[i + 1], widths[i + 1], 1) for _ in range(blocks - 1)),
            )
            for i in range(3)
        )
        self.bn = nn.BatchNorm2d(widths[3])
        self.fc = nn.Linear(widths[3], classes)
        he_init(self)

    def forward(self, x: Tensor) -> Features:
        maps = [self.conv(x)]  # [B, 16, 32, 32]
        for stage in self.stages:
            maps.append(stage(maps[-1]))  # [B, 16k | 32k | 64k, 32 | 16 | 8, ...]
        pooled = torch.mean(F.relu(self.bn(maps[-1])), dim=(2, 3))  # [B, 64k]
        return Features(tuple(maps), pooled, self.fc(pooled))
