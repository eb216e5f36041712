"""ShuffleNet (Zhang et al. 2018) and ShuffleNetV2 (Ma et al. 2018), as the benchmarks use them.

Both start with a 1x1 convolution at full size instead of a 3x3 with stride and pooling, and halve
the size at the head of each of three stages. Version 1 (3 groups, width 1) has a ReLU after the
depthwise convolution that the paper has not. All maps are after ReLU.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.features import Features
from labkit.models.layers import conv_norm, shuffle

GROUPS = 3


class ShuffleBlock(nn.Module):
    """Grouped 1x1, shuffle, depthwise 3x3, grouped 1x1; stride 2 appends the pooled input."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, groups: int) -> None:
        super().__init__()
        made = channels_out - channels_in if stride == 2 else channels_out
        hidden = made // 4
        self.stride, self.groups = stride, groups
        self.reduce = conv_norm(channels_in, hidden, groups=groups)
        self.depthwise = conv_norm(hidden, hidden, 3, stride, groups=hidden)
        self.expand = conv_norm(hidden, made, groups=GROUPS)

    def forward(self, x: Tensor) -> Tensor:
        h = shuffle(F.relu(self.reduce(x)), self.groups)
        h = self.expand(F.relu(self.depthwise(h)))
        if self.stride == 1:
            return F.relu(h + x)
        return F.relu(torch.cat((h, F.avg_pool2d(x, 3, stride=2, padding=1)), dim=1))


class ShuffleNetV1(nn.Module):
    """ShuffleNet for 32x32 images with 3 groups and stages of 240, 480, 960 channels."""

    maps_after_relu = True

    def __init__(self, classes: int) -> None:
        super().__init__()
        channels, stages = 24, []
        self.stem = conv_norm(3, channels)
        for width, count in ((240, 4), (480, 8), (960, 4)):
            # 24 channels are too few to group (section 3.2)
            groups = 1 if channels == 24 else GROUPS
            rest = (ShuffleBlock(width, width, 1, GROUPS) for _ in range(count - 1))
            stages.append(nn.Sequential(ShuffleBlock(channels, width, 2, groups), *rest))
            channels = width
        self.stages = nn.ModuleList(stages)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Features:
        maps = [F.relu(self.stem(x))]  # [B, 24, 32, 32]
        for stage in self.stages:
            maps.append(stage(maps[-1]))  # [B, 240 | 480 | 960, 16 | 8 | 4, ...]
        pooled = torch.mean(maps[-1], dim=(2, 3))  # [B, 960]
        return Features(tuple(maps), pooled, self.fc(pooled))


class ShuffleNetV2(nn.Module):
    """ShuffleNetV2 (width 1) for 32x32 images, made of torchvision's blocks."""

    maps_after_relu = True

    def __init__(self, classes: int) -> None:
        super().__init__()
        from torchvision.models.shufflenetv2 import InvertedResidual  # a second to import

        channels, stages = 24, []
        self.stem = conv_norm(3, channels)
        for width, count in ((116, 4), (232, 8), (464, 4)):
            rest = (InvertedResidual(width, width, 1) for _ in range(count - 1))
            stages.append(nn.Sequential(InvertedResidual(channels, width, 2), *rest))
            channels = width
        self.stages = nn.ModuleList(stages)
        self.last = conv_norm(channels, 1024)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Features:
        maps = [F.relu(self.stem(x))]  # [B, 24, 32, 32]
        for stage in self.stages:
            maps.append(stage(maps[-1]))  # [B, 116 | 232 | 464, 16 | 8 | 4, ...]
        pooled = torch.mean(F.relu(self.last(maps[-1])), dim=(2, 3))  # [B, 1024]
        return Features(tuple(maps), pooled, self.fc(pooled))
