"""ResNet-50 (He et al. 2016) with a CIFAR stem: torchvision's network behind one 3x3 convolution.

The stem keeps 32x32 (no stride, no max pooling). All maps are after ReLU.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.features import Features
from labkit.models.layers import conv_norm, he_init


class ResNet50(nn.Module):
    """A ResNet-50 for 32x32 images."""

    maps_after_relu = True

    def __init__(self, classes: int) -> None:
        super().__init__()
        from torchvision.models import resnet50  # a second to import

        network = resnet50(weights=None, num_classes=classes)
        self.stem = conv_norm(3, 64, 3)
        self.stages = nn.ModuleList(
            (network.layer1, network.layer2, network.layer3, network.layer4)
        )
        self.fc = network.fc
        he_init(self.stem)  # torchvision did the rest

    def forward(self, x: Tensor) -> Features:
        maps = [F.relu(self.stem(x))]  # [B, 64, 32, 32]
        for stage in self.stages:
            maps.append(stage(maps[-1]))  # [B, 256 | 512 | 1024 | 2048, 32 | 16 | 8 | 4, ...]
        pooled = torch.mean(maps[-1], dim=(2, 3))  # [B, 2048]
        return Features(tuple(maps), pooled, self.fc(pooled))
