"""Networks by the names the distillation literature uses."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from labkit.errors import unknown
from labkit.models.convnet import ConvNet
from labkit.models.linear import Linear
from labkit.models.resnet import ResNet

_RESNET = (16, 16, 32, 64)
_RESNET_X4 = (32, 64, 128, 256)

MODELS: dict[str, Callable[[int], nn.Module]] = {
    "linear": Linear,
    "convnet": partial(ConvNet, (32, 64, 128)),
    **{f"resnet{depth}": partial(ResNet, depth, _RESNET) for depth in (8, 14, 20, 32, 44, 56, 110)},
    **{f"resnet{depth}x4": partial(ResNet, depth, _RESNET_X4) for depth in (8, 32)},
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
