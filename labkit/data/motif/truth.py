"""True likeness of classes: what a teacher's wrong-class probabilities can be compared with.

Shapes are compared as a viewer with free choice of position, size and rotation would: the
canonical outlines are scaled to one area, centred on their centroids, and the intersection
over union (IoU) of the best rotation counts.  Two classes are as alike as the mean of their
shapes' IoU and their textures' equality (1 or 0).
"""

import functools
import math

import torch
from torch import Tensor

from labkit.data.motif.shapes import DISTANCES, SHAPES
from labkit.data.motif.textures import TEXTURES

CELLS = 96  # sampling grid per side over -REACH..REACH
REACH = 2.2  # the bar, scaled to area 2, reaches 1.7
AREA = 2.0
ROTATIONS = 72  # steps of five degrees


def shape_overlap() -> Tensor:
    """IoU of each two shapes' outlines at their best rotation: float32 [20, 20], 0..1.

    Symmetric with ones on the diagonal.  Rotations go in steps of five degrees, no mirroring.
    """
    return _shape_overlap().clone()


def class_overlap() -> Tensor:
    """Mean of shape IoU and texture equality for each two classes: float32 [100, 100], 0..1."""
    same = torch.eye(len(TEXTURES), dtype=torch.float32)
    shape = shape_overlap().repeat_interleave(len(TEXTURES), 0)
    shape = shape.repeat_interleave(len(TEXTURES), 1)
    return (shape + same.repeat(len(SHAPES), len(SHAPES))) / 2


@functools.lru_cache(maxsize=1)
def _shape_overlap() -> Tensor:
    fixed = torch.stack([_outline(name, 0.0) for name in SHAPES])  # [20, CELLS * CELLS]
    best = torch.zeros(len(SHAPES), len(SHAPES), dtype=torch.float32)
    for turn in range(ROTATIONS):
        angle = 2 * math.pi * turn / ROTATIONS
        turned = torch.stack([_outline(name, angle) for name in SHAPES])
        common = turned @ fixed.T
        union = turned.sum(1)[:, None] + fixed.sum(1)[None] - common
        best = torch.maximum(best, common / union)
    return torch.maximum(best, best.T)


def _outline(name: str, angle: float) -> Tensor:
    """0 or 1 [CELLS * CELLS]: the shape of area AREA, its centroid in the middle, turned."""
    size, right, down = _canonical(name)
    line = torch.linspace(-REACH, REACH, CELLS, dtype=torch.float32)
    y, x = torch.meshgrid(line, line, indexing="ij")
    u, v = math.cos(angle) * x + math.sin(angle) * y, math.cos(angle) * y - math.sin(angle) * x
    distance = DISTANCES[name](u / size + right, v / size + down)
    return (distance < 0).to(torch.float32).flatten()


@functools.lru_cache(maxsize=len(DISTANCES))
def _canonical(name: str) -> tuple[float, float, float]:
    """Factor that gives the shape area AREA, and its centroid (right, down) before scaling."""
    cells = 401
    line = torch.linspace(-1.25, 1.25, cells, dtype=torch.float32)
    y, x = torch.meshgrid(line, line, indexing="ij")
    inside = DISTANCES[name](x, y) < 0
    area = float(inside.sum()) * (2.5 / (cells - 1)) ** 2
    return math.sqrt(AREA / area), float(x[inside].mean()), float(y[inside].mean())
