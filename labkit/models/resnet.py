"""The CIFAR ResNet family (He et al. 2016, section 4.2), as the distillation benchmarks use it.

Depth 6n + 2, three stages of n basic blocks with 16, 32, 64 channels; "x4" widens the stages
four times behind a stem of 32. Shortcuts that change shape are a 1x1 convolution with BatchNorm
(the benchmark's choice; He et al. pad with zeros on CIFAR). All maps are after ReLU.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.features import Features
from labkit.models.layers import he_init


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut; the output is after the ReLU."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + self.shortcut(x))


class ResNet(nn.Module):
    """A ResNet for 32x32 images; `widths` holds the stem's and the three stages' channels."""

    maps_after_relu = True

    def __init__(self, depth: int, widths: tuple[int, int, int, int], classes: int) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(widths[0])
        self.stages = nn.ModuleList(
            nn.Sequential(
                BasicBlock(widths[i], widths[i + 1], 1 if i == 0 else 2),
                *(BasicBlock(widths[i + 1], widths[i + 1], 1) for _ in range(blocks - 1)),
            )
            for i in range(3)
        )
        self.fc = nn.Linear(widths[3], classes)
        he_init(self)

    def forward(self, x: Tensor) -> Features:
        maps = [F.relu(self.bn(self.conv(x)))]  # [B, 16, 32, 32]
        for stage in self.stages:
            maps.append(stage(maps[-1]))  # [B, 16 | 32 | 64, 32 | 16 | 8, ...]
        pooled = torch.mean(maps[-1], dim=(2, 3))  # [B, D]
        return Features(tuple(maps), pooled, self.fc(pooled))
