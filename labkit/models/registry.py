"""Networks by the names the distillation literature uses."""

import copy
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from labkit.errors import unknown
from labkit.models.convnet import ConvNet
from labkit.models.linear import Linear
from labkit.models.mobilenet import MobileNetV2
from labkit.models.resnet import ResNet
from labkit.models.resnet50 import ResNet50
from labkit.models.shufflenet import ShuffleNetV1, ShuffleNetV2
from labkit.models.vgg import VGG
from labkit.models.vit import ViT
from labkit.models.wrn import WideResNet

_RESNET = (16, 16, 32, 64)
_RESNET_X4 = (32, 64, 128, 256)

MODELS: dict[str, Callable[[int], nn.Module]] = {
    "linear": Linear,
    "convnet": partial(ConvNet, (32, 64, 128)),
    **{f"convnet_{n}": partial(ConvNet, (n, 2 * n, 4 * n)) for n in (4, 8, 16)},
    **{f"resnet{depth}": partial(ResNet, depth, _RESNET) for depth in (8, 14, 20, 32, 44, 56, 110)},
    **{f"resnet{depth}x4": partial(ResNet, depth, _RESNET_X4) for depth in (8, 32)},
    **{
        f"wrn_{depth}_{width}": partial(WideResNet, depth, width)
        for depth in (16, 40)
        for width in (1, 2)
    },
    "vgg8": partial(VGG, (1, 1, 1, 1, 1)),
    "vgg11": partial(VGG, (1, 1, 2, 2, 2)),
    "vgg13": partial(VGG, (2, 2, 2, 2, 2)),
    "mobilenet_v2": MobileNetV2,
    "shufflenet_v1": ShuffleNetV1,
    "shufflenet_v2": ShuffleNetV2,
    "resnet50": ResNet50,
    "vit_small": partial(ViT, 192, 6, 3),
}


def build(name: str, classes: int, *, seed: int = 0) -> nn.Module:
    """A freshly initialised network; `model(images)` returns `Features`.

    The weights depend on `seed` alone: torch's global generator is neither read nor moved.
    Raises ValueError for an unknown name or fewer than two classes.
    """
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    if classes < 2:
        raise ValueError(f"classes must be at least 2, got {classes!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MODELS[name](classes)


def parameters(model: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def macs(model: nn.Module) -> int:
    """Multiply-accumulate operations for one 32x32 image: convolutions and matrix products.

    The model itself does not run: a copy without data does.
    """
    from torch.utils.flop_counter import FlopCounterMode

    # In training mode, as the fused attention of evaluation mode cannot be counted; two images,
    # as BatchNorm refuses to train on one value.
    shell = copy.deepcopy(model).to("meta").train()
    with FlopCounterMode(display=False) as counter:
        shell(torch.empty(2, 3, 32, 32, device="meta"))
    return counter.get_total_flops() // 4
