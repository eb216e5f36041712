"""The five textures: how much of the first colour (against the second) each point shows, 0..1.

Every function takes object coordinates x, y (unit: the object's radius), that radius in pixels,
the width of one repeat and where it starts (right, down; unit: the radius), and smooths its
edges over one pixel.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Texture = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


def _bands(position: Tensor, radius: Tensor, period: Tensor) -> Tensor:
    """1 on one half of each period, 0 on the other, from a triangle wave that is a distance."""
    wave = _periodic(position, period).abs_().sub_(0.25)
    return wave.mul_(period * radius).add_(0.5).clamp_(0, 1)


def _periodic(position: Tensor, period: Tensor) -> Tensor:
    """Position within its repeat, -0.5..0.5."""
    return (position / period).remainder_(1).sub_(0.5)


def _solid(x: Tensor, y: Tensor, *_: Tensor) -> Tensor:
    return torch.ones_like(x)


def _stripes(
    x: Tensor, y: Tensor, radius: Tensor, period: Tensor, right: Tensor, down: Tensor
) -> Tensor:
    return _bands(y + down, radius, period)


def _checks(
    x: Tensor, y: Tensor, radius: Tensor, period: Tensor, right: Tensor, down: Tensor
) -> Tensor:
    period = 1.25 * period
    across, along = _bands(x + right, radius, period), _bands(y + down, radius, period)
    both = across * along
    return both.mul_(2).sub_(across).sub_(along).add_(1)  # 1 where the two agree


def _dots(
    x: Tensor, y: Tensor, radius: Tensor, period: Tensor, right: Tensor, down: Tensor
) -> Tensor:
    x, y = _periodic(x + right, period), _periodic(y + down, period)
    return torch.hypot(x, y).sub_(0.31).mul_(period * radius).add_(0.5).clamp_(0, 1)


def _rings(x: Tensor, y: Tensor, radius: Tensor, period: Tensor, *_: Tensor) -> Tensor:
    return _bands(torch.hypot(x, y), radius, 0.9 * period)


COVERAGES: dict[str, Texture] = {
    "solid": _solid,
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "rings": _rings,
}
TEXTURES: tuple[str, ...] = tuple(COVERAGES)
ADJECTIVES: tuple[str, ...] = ("solid", "striped", "checked", "dotted", "ringed")
