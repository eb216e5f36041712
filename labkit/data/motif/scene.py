"""What each picture contains, drawn from the hash: class, pose, colours, ground, light, noise.

`difficulty` d scales every nuisance: at 0 a flat ground and an upright object in the middle, at
0.5 any rotation and a clear picture most of the time, at 1 objects cut off by the border.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.data.motif.hashing import keys, mix, uniform
from labkit.data.motif.palette import COLOURS, apart, colours
from labkit.data.motif.shapes import SHAPES
from labkit.data.motif.textures import TEXTURES
from labkit.data.types import SIDE, SPLITS

CLASSES = len(SHAPES) * len(TEXTURES)
GRID = 4  # the ground's colours come from a 4 x 4 grid
SLOTS = 6  # most distractors a picture can have
FREE = SIDE / 2 - 0.5  # pixels from the centre to the outermost pixel's centre
MUTED = 0.75  # the ground is paler than its palette colour: an object of that colour still shows
# Numbers each picture takes, in this order: add new ones at the end and old pictures stay.
NEEDS = {
    "position": 2, "rotation": 1, "scale": 1, "phase": 2, "background": 1, "color": 20,
    "color2": 20, "jitter": 9, "field": 3 * GRID * GRID, "light": 2, "noise": 1,
    "distractors": 1, "others": 8 * SLOTS, "bias": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """n pictures to draw, in class order: all of class 0 first, as many of each class."""

    key: Tensor  # int64 [n], for the sensor noise
    factors: dict[str, Tensor]  # what a Split carries, in the units `sample` names
    first: Tensor  # float32 [n, 3], the object's colours, 0..255
    second: Tensor
    ground: Tensor  # float32 [n, 3, GRID, GRID], background colours
    phase: Tensor  # float32 [n, 2], where the texture starts, in the object's radius
    others: Tensor  # float32 [n, SLOTS, 8], distractors, see `_others`
    slots: int  # how many of SLOTS any picture uses


def class_order(seed: int, split: int, blocks: Tensor) -> Tensor:
    """Picture numbers int64 [100 * len(blocks)], in class order.

    Pictures come in blocks of 100 that hold each class once, in an order hashed for the block.
    """
    ranks = uniform(keys(seed, split + len(SPLITS), blocks), CLASSES)
    position = ranks.argsort(dim=1, stable=True)  # [blocks, CLASSES]
    return (position + CLASSES * blocks[:, None]).T.flatten()


def sample(
    seed: int, split: int, blocks: Tensor, difficulty: float, bias: float
) -> tuple[Tensor, Scene]:
    """Picture numbers int64 [n] and the Scene of these blocks, n = 100 * len(blocks).

    Factors: shape 0..19, texture 0..4, color, color2 and background 0..19 (palette); x, y of the
    object's centre and its `scale` (radius) in pixels, x and y from the picture's centre;
    rotation in degrees clockwise; light [n, 2], relative gain from one border to the other,
    across and down; noise, standard deviation in 0..255; distractors, a count.
    """
    index = class_order(seed, split, blocks)
    key = keys(seed, split, index)
    draws = _draws(key)
    label = torch.arange(CLASSES, device=key.device).repeat_interleave(len(blocks))
    factors = {"shape": label // len(TEXTURES), "texture": label % len(TEXTURES)}
    factors |= (
        _colours(draws, factors["shape"], bias)
        | _pose(draws, difficulty)
        | _conditions(draws, difficulty)
    )
    palette, jitter = colours(key.device), (2 * draws["jitter"] - 1) * 60 * difficulty
    wanted = torch.stack([factors["color"], factors["color2"], factors["background"]], 1)
    first, second, ground = (palette[wanted] + jitter.view(-1, 3, 3)).clamp_(0, 255).unbind(1)
    field = (2 * draws["field"] - 1).view(-1, 3, GRID, GRID) * 120 * difficulty
    others, slots = _others(draws, factors["distractors"]), round(SLOTS * difficulty)
    phase = draws["phase"] * min(1, 2 * difficulty)
    ground = 128 + MUTED * (ground - 128)
    ground = ground[:, :, None, None] + field
    return index, Scene(key, factors, first, second, ground, phase, others, slots)


def _draws(key: Tensor) -> dict[str, Tensor]:
    numbers = uniform(mix(key), sum(NEEDS.values()))
    return dict(zip(NEEDS, numbers.split(list(NEEDS.values()), dim=1), strict=True))


def _colours(draws: dict[str, Tensor], shape: Tensor, bias: float) -> dict[str, Tensor]:
    """Palette numbers [n]: the object's two colours differ from each other and the ground.

    With probability `bias` the ground has the shape's own colour, number `shape` of the palette.
    """
    background = (draws["background"][:, 0] * len(COLOURS)).long()
    background = torch.where(draws["bias"][:, 0] < bias, shape, background)
    differ = apart(background.device)
    free = differ[background]
    color = ((draws["color"] + 1) * free).argmax(1)
    color2 = ((draws["color2"] + 1) * free * differ[color]).argmax(1)
    return {"color": color, "color2": color2, "background": background}


def _pose(draws: dict[str, Tensor], difficulty: float) -> dict[str, Tensor]:
    most, beyond = min(1.0, 2 * difficulty), max(0.0, 2 * difficulty - 1)
    spread = (2 * draws["scale"][:, 0] - 1) * 0.76 * difficulty
    radius = (8.6 * spread.exp()).clamp_(4, 13)
    reach = (FREE - 1.05 * radius) * most + 0.4 * radius * beyond
    x, y = ((2 * draws["position"] - 1) * reach[:, None]).unbind(1)
    rotation = (2 * draws["rotation"][:, 0] - 1) * 180 * most
    return {"x": x, "y": y, "rotation": rotation, "scale": radius}


def _conditions(draws: dict[str, Tensor], difficulty: float) -> dict[str, Tensor]:
    light = (2 * draws["light"] - 1) * 0.9 * difficulty
    noise = draws["noise"][:, 0].square() * 70 * difficulty
    most = round(SLOTS * difficulty)
    count = (draws["distractors"][:, 0] * (most + 1)).long()
    return {"light": light, "noise": noise, "distractors": count}


def _others(draws: dict[str, Tensor], count: Tensor) -> Tensor:
    """Distractors [n, SLOTS, 8]: x, y, radius (0 = none), angle, kind in 0..1, three of colour."""
    unit = draws["others"].view(-1, SLOTS, 8)
    span = unit.new_tensor([2 * FREE, 2 * FREE, 2.2, math.tau, 1, 255, 255, 255])
    values = unit * span + unit.new_tensor([-FREE, -FREE, 1.8, 0, 0, 0, 0, 0])
    values[:, :, 2] *= torch.arange(SLOTS, device=unit.device) < count[:, None]
    return values
