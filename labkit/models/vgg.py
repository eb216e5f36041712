"""VGG with BatchNorm (Simonyan and Zisserman 2015), as the distillation benchmarks use it on CIFAR.

Five groups of 3x3 convolutions with 64, 128, 256, 512, 512 channels, 2x2 max pooling after the
first three, a global mean and one linear layer. The first group is the stem. Maps are after each
group's last ReLU and before its pooling. The convolutions keep their biases, as the benchmark's
do, although BatchNorm makes them idle.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.features import Features
from labkit.models.layers import he_init

WIDTHS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """A VGG for 32x32 images; `convs` says how many convolutions each of the groups has."""

    maps_after_relu = True

    def __init__(self, convs: tuple[int, int, int, int, int], classes: int) -> None:
        super().__init__()
        channels, groups = 3, []
        for width, count in zip(WIDTHS, convs, strict=True):
            layers: list[nn.Module] = []
            for _ in range(count):
                conv = nn.Conv2d(channels, width, 3, padding=1)
                layers += [conv, nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            groups.append(nn.Sequential(*layers))
        self.groups = nn.ModuleList(groups)
        self.fc = nn.Linear(channels, classes)
        he_init(self)

    def forward(self, x: Tensor) -> Features:
        maps: list[Tensor] = []
        for group in self.groups:
            if 1 <= len(maps) <= 3:
                x = F.max_pool2d(x, 2)
            x = group(x)
            maps.append(x)  # [B, width, 32 | 16 | 8 | 4 | 4, ...]
        pooled = torch.mean(x, dim=(2, 3))  # [B, 512]
        return Features(tuple(maps), pooled, self.fc(pooled))
