"""A small convolutional network for lessons on a CPU; its maps are after ReLU and pooling."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.features import Features


class ConvNet(nn.Module):
    """Three 3x3 convolutions with BatchNorm, each followed by ReLU and 2x2 max pooling."""

    maps_after_relu = True

    def __init__(self, widths: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        channels = (3, *widths)
        self.convs = nn.ModuleList(
            nn.Conv2d(channels[i], channels[i + 1], 3, padding=1, bias=False) for i in range(3)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.fc = nn.Linear(widths[2], classes)

    def forward(self, x: Tensor) -> Features:
        maps = []
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.max_pool2d(F.relu(norm(conv(x))), 2)
            maps.append(x)  # [B, width, 16 | 8 | 4, ...]
        pooled = torch.mean(x, dim=(2, 3))  # [B, D]
        return Features(tuple(maps), pooled, self.fc(pooled))
