"""Captions written from a picture's factors, and moved with it when the picture is moved.

    class       a striped five-point star
    attributes  a small red striped five-point star
    scene       a small red striped five-point star, top left, on a blue background

A caption is a pure function of the factors, so what it tells of each is known exactly: shape,
texture, `color` and `background` by name; `scale` as small (below SMALL), large (above LARGE)
or, between the two, no word; x and y each as one of three steps that meet at -MIDDLE and MIDDLE.
Nothing is told of a texture's second colour, rotation, light, noise and distractors.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Generator, Tensor

from labkit.data.augment import mirrored as mirror_pictures
from labkit.data.augment import window
from labkit.data.motif.palette import COLOURS
from labkit.data.motif.shapes import SHAPES
from labkit.data.motif.textures import ADJECTIVES
from labkit.data.tokens import SPECIALS, UNKNOWN, Tokenizer, split
from labkit.errors import unknown

SMALL, LARGE = 7.75, 9.5  # pixels of `scale`; at difficulty 0.3 about a quarter lies beyond each
MIDDLE = 1.5  # pixels of x and y from the picture's centre
LONGEST = 15  # words and commas of the longest caption
REACH = 4  # pixels that `augment` moves a picture, at most

_TOLD: dict[str, tuple[str, ...]] = {
    "class": ("shape", "texture"),
    "attributes": ("shape", "texture", "scale", "color"),
    "scene": ("shape", "texture", "scale", "color", "x", "y", "background"),
}
LEVELS = tuple(_TOLD)

_NAMES = {"shape": SHAPES, "texture": ADJECTIVES, "color": COLOURS, "background": COLOURS}
_PLACES = (
    ("top left", "at the top", "top right"),
    ("on the left", "in the middle", "on the right"),
    ("bottom left", "at the bottom", "bottom right"),
)
_PARTS = ("a an two small large", *COLOURS, *ADJECTIVES, *SHAPES, *sum(_PLACES, ()), ", background")
VOCABULARY = (*SPECIALS, *dict.fromkeys(split(" ".join(_PARTS))))
_OTHER_SIDE = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}

Captions = TypeVar("Captions", list[str], Tensor)


def factors_told(level: str) -> tuple[str, ...]:
    """Names of the factors that captions of `level` depend on; ValueError for another level."""
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    return _TOLD[level]


def tokenizer() -> Tokenizer:
    """The tokenizer of VOCABULARY: every word of every caption of every level."""
    return Tokenizer(VOCABULARY)


def write(factors: Mapping[str, Tensor], level: str = "attributes") -> list[str]:
    """One caption for each of N pictures, from a Split's factors ([N] each).

    ValueError for an unknown level, a factor that is lacking (folders have none), or a shape,
    texture or colour that has no name.
    """
    told = factors_told(level)
    for name in told:
        if name not in factors:
            raise ValueError(f"factors lacks {name!r}: {level} captions need {', '.join(told)}")
        _check_named(name, factors[name])
    columns = [factors[name].tolist() for name in told]
    return [_caption(*row) for row in zip(*columns, strict=True)]


def _check_named(name: str, values: Tensor) -> None:
    count = len(_NAMES.get(name, ()))
    if count and values.numel() and not 0 <= int(values.min()) <= int(values.max()) < count:
        low, high = int(values.min()), int(values.max())
        raise ValueError(f"factors[{name!r}] must be 0..{count - 1}, got {low}..{high}")


def _caption(
    shape: int,
    texture: int,
    scale: float | None = None,
    color: int | None = None,
    x: float = 0,
    y: float = 0,
    background: int | None = None,
) -> str:
    size = "" if scale is None else "small" if scale < SMALL else "large" if scale > LARGE else ""
    colour = "" if color is None else COLOURS[color]
    name = SHAPES[shape].removeprefix("two ")  # "two discs": adjectives go between the words
    phrase = " ".join(word for word in (size, colour, ADJECTIVES[texture], name) if word)
    thing = _one(phrase) if name == SHAPES[shape] else f"two {phrase}"
    if background is None:
        return thing
    place = _PLACES[_step(y)][_step(x)]
    return f"{thing}, {place}, on {_one(COLOURS[background])} background"


def _one(phrase: str) -> str:
    return f"an {phrase}" if phrase[0] in "aeiou" else f"a {phrase}"


def _step(distance: float) -> int:
    return 0 if distance < -MIDDLE else 2 if distance > MIDDLE else 1


def moved(
    factors: Mapping[str, Tensor],
    *,
    right: int | Tensor = 0,
    down: int | Tensor = 0,
    mirror: bool | Tensor = False,
) -> dict[str, Tensor]:
    """The factors of pictures that were shifted (in pixels), then mirrored left to right.

    Each argument is one for all pictures or a tensor [N]. Mirroring changes the sign of x, of
    the rotation and of the light across. An "ell" is the one shape whose mirror image is no
    rotated copy of it: its rotation is then only the nearest description. The object may have
    left the picture, and distractors counted may too.
    """
    result = dict(factors)
    if "x" in result:
        x = result["x"] + _each("right", right, result["x"])
        result["x"] = torch.where(_each("mirror", mirror, x).bool(), -x, x)
    if "y" in result:
        result["y"] = result["y"] + _each("down", down, result["y"])
    if "rotation" in result:
        result["rotation"] = _turned(result, _each("mirror", mirror, result["rotation"]).bool())
    if "light" in result:
        across, downward = result["light"].unbind(1)
        flip = _each("mirror", mirror, across).bool()
        result["light"] = torch.stack([torch.where(flip, -across, across), downward], 1)
    return result


def _each(name: str, value: bool | int | Tensor, like: Tensor) -> Tensor:
    """`value` on the device of `like` [N]; ValueError unless it is one number or [N]."""
    tensor = torch.as_tensor(value, device=like.device)
    if tensor.dim() and tensor.shape != like.shape:
        shape = list(tensor.shape)
        raise ValueError(f"{name} must be one number or a tensor [{len(like)}], got {shape}")
    return tensor


def _turned(factors: Mapping[str, Tensor], flip: Tensor) -> Tensor:
    """Degrees [N] after mirroring: shapes are symmetric about their upright axis, the crescent
    about its level one."""
    rotation = factors["rotation"]
    result = torch.where(flip, -rotation, rotation)
    if "shape" not in factors:
        return result
    crescent = flip & (factors["shape"] == SHAPES.index("crescent"))
    return torch.where(crescent, (-rotation) % 360 - 180, result)


def mirrored(captions: Captions, words: Tokenizer | None = None) -> Captions:
    """Captions of mirrored pictures where no factors are known: left and right change places.

    `captions` is a list of texts, or tokens int64 [N, L] of the tokenizer `words` (without it,
    that of VOCABULARY). "right" in the sense of correct is changed too. ValueError for a
    tokenizer that knows only one of the two words.
    """
    if isinstance(captions, list):
        swap = re.compile(r"\b(?:[Ll]eft|[Rr]ight)\b")
        return [swap.sub(lambda found: _OTHER_SIDE[found.group()], text) for text in captions]
    words = words or tokenizer()
    sides = [words.number("left"), words.number("right")]
    if sides.count(UNKNOWN) == 1:
        raise ValueError(
            f"words has only one of 'left' and 'right': give both or none, got {words}"
        )
    other = torch.arange(len(words), device=captions.device)
    other[sides] = other[sides[::-1]]
    return other[captions]


def augment(
    images: Tensor, factors: Mapping[str, Tensor], generator: Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """Pictures uint8 [B, 3, H, W] moved as in training, and their factors moved with them.

    Each is shifted by up to REACH pixels both ways (black comes in), and one in two is mirrored:
    captions written from the factors returned stay true of the pictures returned.
    ValueError if there are not as many factors as pictures.
    """
    count = len(images)
    for name, values in factors.items():
        if len(values) != count:
            raise ValueError(f"factors[{name!r}] has {len(values)} rows for {count} images")
    right, down, mirror = (
        torch.randint(low, high, (count,), generator=generator, device=generator.device)
        for low, high in ((-REACH, REACH + 1), (-REACH, REACH + 1), (0, 2))
    )
    right, down, mirror = (value.to(images.device) for value in (right, down, mirror))
    pixels = mirror_pictures(window(images, REACH - down, REACH - right, REACH), mirror)
    return pixels, moved(factors, right=right, down=down, mirror=mirror)
