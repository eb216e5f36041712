"""Motif-100 at a setting so plain that p(class | picture) is known exactly: a perfect teacher.

Every picture is one of 8,000 grey templates, seen as a mosaic of 16 x 16 tiles, plus noise.
Position, rotation and scale lie on a grid (`STATES`), all equally likely, and so are the classes;
ground and shades are fixed, and there is no light and no distractor. Each tile's noise n is a
whole number, probability proportional to exp(-n^2 / (2 sigma^2)): the discrete Gaussian, small
enough never to leave 0..255, so that neither rounding nor clipping spoils the enumeration

    p(class | x) = (1 / Z) sum over states of exp(-|x - template(class, state)|^2 / (2 sigma^2))
"""

import functools
import itertools

import torch
from torch import Tensor
from torch.nn import functional

from labkit.data.motif.drawing import frame, shape_coverage, texture_coverage
from labkit.data.motif.hashing import keys, mix, uniform
from labkit.data.motif.scene import CLASSES, class_order
from labkit.data.motif.textures import TEXTURES
from labkit.data.types import SIDE, SPLITS, Split
from labkit.errors import between, unknown, whole

STATES: tuple[tuple[float, float, float, float], ...] = tuple(
    (x, y, rotation, scale)
    for (x, y), rotation, scale in itertools.product(
        ((0, 0), (-3, -3), (3, -3), (-3, 3), (3, 3)), range(0, 360, 45), (8, 11)
    )
)  # x, y and radius in pixels, rotation in degrees
TILE = 2  # pixels along a mosaic tile
TILES = SIDE // TILE
GREY = 128  # the ground
SHADES = (37, -21)  # what the object's two shades add to it
NOISE = 12.0  # sigma unless told otherwise, in 0..255
MOST = 12.5  # largest sigma
CUT = 90  # largest |n|: seven times MOST and more, and the lightest template still ends at 255


def render(
    count: int,
    *,
    split: str = "train",
    seed: int = 0,
    noise: float = NOISE,
    device: torch.device | str = "cpu",
) -> Split:
    """The first `count` pictures of a split at the enumerable setting, balanced over classes.

    uint8 [count, 3, 32, 32] with factors shape, texture, x, y, rotation, scale and `noise` (sigma,
    1..12.5), and masks. No picture shares its random numbers with `motif.render`.
    ValueError names a bad argument.
    """
    noise = between("noise", noise, 1, MOST)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    blocks = torch.arange(-(-whole("count", count) // CLASSES))
    stream = 2 * len(SPLITS) + SPLITS.index(split)  # `motif.render` uses those below
    index = class_order(whole("seed", seed, minimum=0), stream, blocks)
    order = index.argsort()[:count]
    key = keys(seed, stream, index)[order]
    label = torch.arange(CLASSES).repeat_interleave(len(blocks))[order]
    state = (uniform(mix(key), 1)[:, 0] * len(STATES)).long()
    shown, masks = _templates()
    tiles = shown[label, state] + _discrete_normal(key, noise)  # [count, TILES * TILES]
    x, y, rotation, scale = torch.tensor(STATES)[state].unbind(1)
    factors = {"shape": label // len(TEXTURES), "texture": label % len(TEXTURES)}
    factors |= {"x": x, "y": y, "rotation": rotation, "scale": scale}
    factors["noise"] = torch.full_like(x, noise)
    return Split(_mosaic(tiles), label, factors, masks[label // len(TEXTURES), state]).to(device)


def bayes_posterior(images: Tensor, *, noise: float = NOISE, log: bool = False) -> Tensor:
    """p(class | picture), exact by enumeration: float32 [N, 100], rows sum to 1 (or its log).

    images uint8 [N, 3, 32, 32] as `render` draws them with the same `noise` (sigma, 1..12.5).
    ValueError for pictures of another kind: for them the formula says nothing.
    """
    noise = between("noise", noise, 1, MOST)
    tiles = images[:, 0, ::TILE, ::TILE].flatten(1).float() - GREY  # [N, TILES * TILES]
    if not torch.equal(_mosaic(tiles), images):
        raise ValueError("images must be grey 2 x 2 mosaics, as motif.exact.render draws them")
    shown = _templates()[0].to(images.device).flatten(0, 1)  # [100 * states, TILES * TILES]
    with torch.autocast(images.device.type, enabled=False):
        # whole numbers below 2^24: float32 holds every product and sum exactly, bf16 does not
        fit = tiles @ shown.T - 0.5 * shown.square().sum(1)  # [N, 100 * states]
    score = (fit / noise**2).unflatten(1, (CLASSES, -1)).logsumexp(2)  # [N, 100]
    return score.log_softmax(1) if log else score.softmax(1)


def _mosaic(tiles: Tensor) -> Tensor:
    """Tiles about 0 [N, TILES * TILES] as grey pictures uint8 [N, 3, 32, 32]."""
    grey = (tiles + GREY).to(torch.uint8).view(-1, 1, TILES, TILES)
    return grey.repeat_interleave(TILE, 2).repeat_interleave(TILE, 3).expand(-1, 3, -1, -1)


@functools.lru_cache(maxsize=1)
def _templates() -> tuple[Tensor, Tensor]:
    """Tiles without noise, whole numbers about 0, [100, S, TILES^2]; masks [20, S, 32, 32]."""
    states = torch.tensor(STATES, dtype=torch.float32).repeat(CLASSES, 1)  # [100 * S, 4]
    x, y, rotation, scale = states.unbind(1)
    right, down = frame(x, y, rotation.deg2rad(), scale)
    radius = scale[:, None, None]
    inside = shape_coverage(right, down, radius)  # [100 * S, 32, 32]
    pattern = texture_coverage(right, down, radius, torch.zeros(len(states), 2))
    shade = inside * (pattern * (SHADES[0] - SHADES[1]) + SHADES[1])
    tiles = functional.avg_pool2d(shade[:, None], TILE).round().flatten(1)
    masks = (inside > 0.5).unflatten(0, (CLASSES // len(TEXTURES), len(TEXTURES), -1))[:, 0]
    return tiles.unflatten(0, (CLASSES, -1)), masks


def _discrete_normal(key: Tensor, noise: float) -> Tensor:
    """Whole numbers float32 [n, TILES^2], P(k) proportional to exp(-k^2 / (2 noise^2))."""
    steps = torch.arange(-CUT, CUT + 1, dtype=torch.float64)
    weight = (-0.5 * (steps / noise).square()).exp()
    below = (weight / weight.sum()).cumsum(0)[:-1].float()
    draws = uniform(mix(key + 1), TILES * TILES)
    return torch.bucketize(draws, below, right=True).float() - CUT
