"""Scenes to pixels: ground, distractors, object, light, noise, each a few passes in place."""

import functools

import torch
from torch import Tensor
from torch.nn import functional

from labkit.data.motif.hashing import normal
from labkit.data.motif.scene import FREE, Scene
from labkit.data.motif.shapes import DISTANCES
from labkit.data.motif.textures import COVERAGES
from labkit.data.types import SIDE

PERIOD = (4.2, 0.5)  # a texture repeats every 4.2 pixels or half radius, whichever is more
# Distractors: |a*hypot + b*larger + c*smaller - middle| < width, of |x| and |stretch * y|.
KINDS = (
    (1.0, 0.0, 0.0, 0.0, 1.0, 1.0),  # disc
    (1.0, 0.0, 0.0, 0.85, 0.3, 1.0),  # ring
    (0.0, 1.0, 0.0, 0.0, 0.85, 1.0),  # square
    (0.0, 1.0, 0.0, 0.8, 0.25, 1.0),  # frame
    (0.0, 0.5, 0.866, 0.0, 0.65, 1.0),  # four-point star
    (0.0, 1.0, 0.0, 0.0, 1.1, 2.5),  # bar
    (1.0, 0.0, 0.0, 0.0, 1.1, 2.0),  # ellipse
)


def draw(scene: Scene) -> tuple[Tensor, Tensor]:
    """Images uint8 [n, 3, 32, 32] and object masks bool [n, 32, 32], in the scene's order."""
    size = (SIDE, SIDE)
    image = functional.interpolate(scene.ground, size, mode="bicubic", align_corners=True)
    for slot in range(scene.slots):
        _draw_other(image, scene.others[:, slot])
    x, y, radius = _object_frame(scene)
    inside = shape_coverage(x, y, radius)  # [n, 32, 32]
    mask = inside > 0.5
    pattern = texture_coverage(x, y, radius, scene.phase).mul_(inside)
    image.lerp_(scene.second[:, :, None, None], inside[:, None])
    image.addcmul_(pattern[:, None], (scene.first - scene.second)[:, :, None, None])
    image.mul_(_light(scene.factors["light"]))
    grain = normal(scene.key, image[0].numel()).view_as(image)
    image.addcmul_(grain, scene.factors["noise"][:, None, None, None])
    return image.add_(0.5).clamp_(0, 255).to(torch.uint8), mask


def frame(x: Tensor, y: Tensor, angle: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """Pixel centres [n, 32, 32] in coordinates centred on x, y, turned and divided by radius."""
    cosine, sine = (angle.cos() / radius)[:, None], (angle.sin() / radius)[:, None]
    line = _line(x.device)
    across, down = line - x[:, None], line - y[:, None]  # [n, 32]
    along = (cosine * across)[:, None, :] + (sine * down)[:, :, None]
    return along, (cosine * down)[:, :, None] - (sine * across)[:, None, :]


@functools.lru_cache(maxsize=8)
def _line(device: torch.device) -> Tensor:
    return torch.linspace(-FREE, FREE, SIDE, dtype=torch.float32, device=device)


def _object_frame(scene: Scene) -> tuple[Tensor, Tensor, Tensor]:
    factors = scene.factors
    radius = factors["scale"]
    x, y = frame(factors["x"], factors["y"], factors["rotation"].deg2rad(), radius)
    return x, y, radius[:, None, None]


def shape_coverage(x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """Share of each pixel inside the object; each shape's formula sees its own pictures only."""
    coverage = torch.empty_like(x)
    each = len(x) // len(DISTANCES)
    for part, distance in enumerate(DISTANCES.values()):
        own = slice(part * each, (part + 1) * each)
        coverage[own] = distance(x[own], y[own])
    return coverage.mul_(-radius).add_(0.5).clamp_(0, 1)


def texture_coverage(x: Tensor, y: Tensor, radius: Tensor, phase: Tensor) -> Tensor:
    """Share of the first colour in each pixel, [n, 32, 32]."""
    coverage = torch.empty_like(x)
    period = (PERIOD[0] / radius).clamp_min_(PERIOD[1])
    start = phase[:, :, None, None].unbind(1)
    parts = [
        value.unflatten(0, (len(DISTANCES), len(COVERAGES), -1)).unbind(1)
        for value in (coverage, x, y, radius, period, *start)
    ]
    for cover, (out, u, v, size, repeat, right, down) in zip(
        COVERAGES.values(), zip(*parts, strict=True), strict=True
    ):
        out.copy_(cover(u, v, size, repeat, right, down))
    return coverage


def _draw_other(image: Tensor, other: Tensor) -> None:
    """Paint one distractor a picture onto image [n, 3, 32, 32]; other is [n, 8]."""
    x, y, radius, angle, kind = other[:, :5].unbind(1)
    form = _kinds(image.device)[(kind * len(KINDS)).long()].T[:, :, None, None]  # [6, n, 1, 1]
    flat, large, small, middle, width, stretch = form
    x, y = frame(x, y, angle, radius.clamp_min(0.5))
    x, y = x.abs_(), y.abs_().mul_(stretch)
    value = torch.addcmul(x * x, y, y).sqrt_().mul_(flat)
    value.addcmul_(torch.maximum(x, y), large).addcmul_(torch.minimum(x, y), small)
    size = radius[:, None, None]
    inside = value.sub_(middle).abs_().sub_(width).mul_(-size).add_(0.5).clamp_(0, 1)
    inside *= size > 0
    image.lerp_(other[:, 5:, None, None], inside[:, None])


@functools.lru_cache(maxsize=8)
def _kinds(device: torch.device) -> Tensor:
    return torch.tensor(KINDS, dtype=torch.float32, device=device)


def _light(slope: Tensor) -> Tensor:
    """Relative gain [n, 1, 32, 32] that grows by `slope` [n, 2] from border to border."""
    line = _line(slope.device) / (2 * FREE)
    across, down = slope[:, :1] * line, slope[:, 1:] * line
    return (1 + across[:, None, :] + down[:, :, None])[:, None]
