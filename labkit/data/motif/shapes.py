"""The twenty shapes as signed distances: negative inside, 0 on the outline, positive outside.

Every function takes coordinates (x to the right, y down, both float of one shape) in which the
shape reaches about 1 from the centre, and returns distances in the same unit.  They are exact
near straight edges, which is all that smooth edges one pixel wide need.  Formulas: elementary
half-planes and discs; the heart after I. Quilez, "2D distance functions".
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Distance = Callable[[Tensor, Tensor], Tensor]


def _box(x: Tensor, y: Tensor, width: float, height: float) -> Tensor:
    return torch.maximum(x.abs().sub_(width), y.abs().sub_(height))


def _wedge(x: Tensor, y: Tensor, sides: int) -> tuple[Tensor, Tensor]:
    """Coordinates (along, across >= 0) about the middle of the nearest of `sides` equal sectors.

    Sectors meet straight up, where polygons and stars therefore have a corner.
    """
    step = 2 * math.pi / sides
    angle = torch.atan2(x, y.neg()).remainder_(step).sub_(step / 2).abs_()
    radius = torch.hypot(x, y)
    return radius * angle.cos(), angle.sin_().mul_(radius)


def _polygon(sides: int, inner: float) -> Distance:
    return lambda x, y: _wedge(x, y, sides)[0].sub_(inner)


def _star(points: int, outer: float, inner: float) -> Distance:
    """Tips at `outer`, notches at `inner`; the outline is one straight edge a half sector."""
    tip = (outer * math.cos(math.pi / points), outer * math.sin(math.pi / points))
    length = math.hypot(tip[0] - inner, tip[1])
    normal = (tip[1] / length, (inner - tip[0]) / length)

    def distance(x: Tensor, y: Tensor) -> Tensor:
        along, across = _wedge(x, y, points)
        return along.sub_(inner).mul_(normal[0]).add_(across, alpha=normal[1])

    return distance


def _disc(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y).sub_(0.82)


def _ring(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y).sub_(0.68).abs_().sub_(0.24)


def _square(x: Tensor, y: Tensor) -> Tensor:
    return _box(x, y, 0.72, 0.72)


def _bar(x: Tensor, y: Tensor) -> Tensor:
    return _box(x, y, 0.97, 0.36)


def _cross(x: Tensor, y: Tensor) -> Tensor:
    x, y = x.abs(), y.abs()
    return torch.maximum(torch.maximum(x, y).sub_(0.92), torch.minimum(x, y).sub_(0.3))


def _frame(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()).sub_(0.57).abs_().sub_(0.19)


def _crescent(x: Tensor, y: Tensor) -> Tensor:
    bite = torch.hypot(x - 0.5, y).sub_(0.66)
    return torch.maximum(torch.hypot(x, y).sub_(0.92), bite.neg_())


def _half_disc(x: Tensor, y: Tensor) -> Tensor:
    y = y - 0.4
    return torch.maximum(torch.hypot(x, y).sub_(0.98), y)


def _ell(x: Tensor, y: Tensor) -> Tensor:
    upright = _box(x + 0.37, y, 0.29, 0.85)
    return torch.minimum(upright, _box(x, y - 0.56, 0.66, 0.29))


def _tee(x: Tensor, y: Tensor) -> Tensor:
    stem = _box(x, y - 0.05, 0.26, 0.83)
    return torch.minimum(stem, _box(x, y + 0.51, 0.74, 0.27))


def _arrow(x: Tensor, y: Tensor) -> Tensor:
    head = torch.maximum((x.abs() * 0.8).add_(y, alpha=-0.6).sub_(0.57), y - 0.02)
    return torch.minimum(head, _box(x, y - 0.36, 0.25, 0.58))


def _ellipse(x: Tensor, y: Tensor) -> Tensor:
    x, y = x / 0.98, y / 0.55
    size = torch.hypot(x, y)
    slope = torch.hypot(x / 0.98, y / 0.55).clamp_min_(1e-3)
    return (size - 1).mul_(size).div_(slope)


def _two_discs(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x.abs().sub_(0.5), y).sub_(0.46)


def _heart(x: Tensor, y: Tensor) -> Tensor:
    size = 1.55
    x, y = x.abs().div_(size), (0.9 - y).div_(size)  # tip at the origin, pointing down
    lobe = torch.hypot(x - 0.25, y - 0.75).sub_(math.sqrt(2) / 4)
    middle = (x + y).clamp_min_(0).mul_(0.5)
    edge = torch.minimum(torch.hypot(x, y - 1), torch.hypot(x - middle, y - middle))
    edge = edge.copysign_(x - y)
    return torch.where(x + y > 1, lobe, edge).mul_(size)


DISTANCES: dict[str, Distance] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "bar": _bar,
    "triangle": _polygon(3, 0.52),
    "pentagon": _polygon(5, 0.74),
    "hexagon": _polygon(6, 0.77),
    "four-point star": _star(4, 1.05, 0.42),
    "five-point star": _star(5, 1.05, 0.48),
    "eight-point star": _star(8, 1.0, 0.63),
    "cross": _cross,
    "frame": _frame,
    "crescent": _crescent,
    "half disc": _half_disc,
    "ell": _ell,
    "tee": _tee,
    "arrow": _arrow,
    "ellipse": _ellipse,
    "two discs": _two_discs,
    "heart": _heart,
}
SHAPES: tuple[str, ...] = tuple(DISTANCES)
