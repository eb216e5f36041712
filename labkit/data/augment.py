"""Augmentation of a whole batch at once, every picture with random numbers of its own.

Each function takes uint8 [B, 3, H, W] on any device and returns as many of the same size.  The
numbers come from the generator given and from nowhere else; they are drawn where it lives and
moved, so a CPU generator gives the same pictures on any device.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from labkit.data.motif.hashing import mix
from labkit.errors import between, positive, unknown, whole

PAD = 4  # pixels of black added on each side before a crop
GREY = (0.299, 0.587, 0.114)  # the eye's share of red, green and blue (ITU-R BT.601)

Recipe = Callable[[Tensor, Generator], Tensor]


def crop(images: Tensor, generator: Generator, *, pad: int = PAD) -> Tensor:
    """Each picture moved by -pad..pad pixels both ways; what comes in from outside is black."""
    places = 2 * whole("pad", pad, minimum=0) + 1
    down, right = _whole(places, (2, len(images)), generator, images)
    return window(images, down, right, pad)


def window(images: Tensor, down: Tensor, right: Tensor, pad: int) -> Tensor:
    """Of each picture, padded with `pad` black pixels, the part that begins at down, right [B]."""
    count, _, height, width = images.shape
    padded = functional.pad(images, (pad, pad, pad, pad))
    parts = padded.unfold(2, height, 1).unfold(3, width, 1)  # [B, 3, 2 pad + 1, 2 pad + 1, H, W]
    return parts[torch.arange(count, device=images.device), :, down, right]


def flip(images: Tensor, generator: Generator) -> Tensor:
    """Left and right exchanged in every second picture or so."""
    return mirrored(images, _whole(2, (len(images),), generator, images))


def crop_and_flip(images: Tensor, generator: Generator) -> Tensor:
    """The default: moved by up to 4 pixels both ways, then half of them mirrored."""
    return flip(crop(images, generator), generator)


def alternating_flip(images: Tensor, index: Tensor, epoch: int) -> Tensor:
    """Each picture mirrored in every second epoch; a hash of its `index` [B] says which come first.

    Nothing is random: two epochs in a row show both sides of every picture, which fair coins do
    for only half of them (airbench: KellerJordan/cifar10-airbench).
    """
    epoch = whole("epoch", epoch, minimum=0)
    return mirrored(images, (mix(index.to(images.device)) + epoch).remainder(2))


def mirrored(images: Tensor, which: Tensor) -> Tensor:
    """`which` [B] is 1 where a picture is mirrored; picking rows of both sides beats a mask."""
    count = len(images)
    rows = torch.arange(count, device=images.device) + count * which
    return torch.cat([images, images.flip(3)]).index_select(0, rows)


def colour_jitter(
    images: Tensor,
    generator: Generator,
    *,
    brightness: float = 0.4,
    contrast: float = 0.4,
    saturation: float = 0.4,
    hue: float = 0.1,
    probability: float = 1.0,
) -> Tensor:
    """Brightness, contrast, saturation scaled by 1 - x..1 + x each, the hue turned by -x..x.

    The first three are 0..1; `hue` is 0..0.5 of the colour circle, turned about the grey axis.
    Always in this order; a share of `probability` is changed.  ValueError outside the ranges.
    """
    strengths = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
    light, distance, depth = (between(name, x, 0, 1) for name, x in strengths.items())
    turn = 2 * math.pi * between("hue", hue, 0, 0.5)
    draws = _uniform((5, len(images), 1, 1, 1), generator, images)
    swing = (2 * draws[1:] - 1) * (draws[0] < between("probability", probability, 0, 1))
    values = _floats(images).mul_(1 + light * swing[0]).clamp_(0, 255)
    middle = _grey(values).mean((2, 3), keepdim=True)
    values = middle.lerp(values, 1 + distance * swing[1]).clamp_(0, 255)
    values = _grey(values).lerp(values, 1 + depth * swing[2]).clamp_(0, 255)
    return _bytes(_turned(values, turn * swing[3]))


def grayscale(images: Tensor, generator: Generator, *, probability: float = 0.2) -> Tensor:
    """A share of `probability` of the pictures (0..1) without colour, as bright as before."""
    draws = _uniform((len(images), 1, 1, 1), generator, images)
    coloured = draws >= between("probability", probability, 0, 1)
    values = _floats(images)
    return _bytes(_grey(values).lerp(values, coloured.float()))


def random_resized_crop(
    images: Tensor,
    generator: Generator,
    *,
    scale: tuple[float, float] = (0.2, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """A box of each picture stretched over the whole of it, bilinearly.

    `scale` is the box's share of the area (0..1), `ratio` its width over its height, even in the
    logarithm; a side that would not fit is cut to the picture's. ValueError for an empty range.
    """
    if not 0 < scale[0] <= scale[1] <= 1:
        raise ValueError(f"scale must be two numbers, 0 < low <= high <= 1, got {scale!r}")
    if not 0 < ratio[0] <= ratio[1]:
        raise ValueError(f"ratio must be two numbers, 0 < low <= high, got {ratio!r}")
    area, shape, left, top = _uniform((4, len(images)), generator, images)
    area = scale[0] + (scale[1] - scale[0]) * area
    shape = ratio[0] * (ratio[1] / ratio[0]) ** shape
    across = _stretch((area * shape).sqrt(), left, images.shape[3])
    down = _stretch((area / shape).sqrt(), top, images.shape[2])
    rows = _floats(images).flatten(1, 2) @ across.mT  # [B, 3 H, W]
    return _bytes(down[:, None] @ rows.unflatten(1, images.shape[1:3]))


def _stretch(share: Tensor, place: Tensor, size: int) -> Tensor:
    """[B, size, size]: what each old pixel gives to each new one, along one side.

    `share` [B] is the part of the side that is kept, `place` [B] where in the rest it begins.
    """
    share = share.clamp_max(1)[:, None]
    pixels = torch.arange(size, device=share.device)
    centres = size * place[:, None] * (1 - share) + share * (pixels + 0.5) - 0.5  # [B, size]
    return 1 - (centres.clamp(0, size - 1)[..., None] - pixels).abs().clamp_max(1)


def cutout(images: Tensor, generator: Generator, *, size: int = 8) -> Tensor:
    """A black square of `size` pixels around a point anywhere, hence often cut by the border."""
    side = min(images.shape[2:])
    if whole("size", size) > side:
        raise ValueError(f"size must be at most the picture's side, {side}, got {size}")
    holes = []
    for length, centre in zip(
        images.shape[2:], _uniform((2, len(images), 1), generator, images), strict=True
    ):
        first = (centre * length).long() - size // 2
        pixels = torch.arange(length, device=images.device)
        holes.append((pixels >= first) & (pixels < first + size))  # [B, length]
    return images.masked_fill((holes[0][:, :, None] & holes[1][:, None, :])[:, None], 0)


def mixup(
    images: Tensor, generator: Generator, *, alpha: float = 0.2
) -> tuple[Tensor, Tensor, Tensor]:
    """Each normalised picture laid over another: (mixed, partner int64 [B], weight [B]).

    mixed = weight * images + (1 - weight) * images[partner]; the weights follow
    Beta(alpha, alpha).  Mix the losses of both labels alike.  ValueError unless alpha > 0.
    """
    alpha, count = positive("alpha", alpha), len(images)
    partner = torch.randperm(count, generator=generator, device=generator.device).to(images.device)
    seed = int(_whole(2**62, (1,), generator, torch.empty(0)))  # torch's Beta takes no generator
    drawn = np.random.default_rng(seed).beta(alpha, alpha, count)
    weight = torch.from_numpy(drawn).to(images)
    return images[partner].lerp(images, weight.view(-1, 1, 1, 1)), partner, weight


def contrastive(images: Tensor, generator: Generator) -> Tensor:
    """SimCLR's views for small pictures (Chen et al. 2020): box, mirror, colours, grey; no blur."""
    images = flip(random_resized_crop(images, generator), generator)
    return grayscale(colour_jitter(images, generator, probability=0.8), generator)


RECIPES: dict[str, Recipe] = {
    "none": lambda images, generator: images,
    "crop-flip": crop_and_flip,
    "alternating-flip": crop,  # after `alternating_flip`, which alone needs index and epoch
    "contrastive": contrastive,
    "crop-flip-cutout": lambda images, generator: cutout(
        crop_and_flip(images, generator), generator
    ),
}


def known(name: str, what: str = "recipe") -> str:
    """`name` itself; ValueError, which speaks of `what`, unless RECIPES has it."""
    if not isinstance(name, str) or name not in RECIPES:
        raise unknown(what, name, RECIPES)
    return name


def augmented(
    images: Tensor, recipe: str | Recipe, generator: Generator, index: Tensor, epoch: int
) -> Tensor:
    """`images` after `recipe`: a name in RECIPES or a function of (images, generator)."""
    if recipe == "alternating-flip":
        images = alternating_flip(images, index, epoch)
    return (RECIPES[recipe] if isinstance(recipe, str) else recipe)(images, generator)


def _whole(high: int, shape: tuple[int, ...], generator: Generator, like: Tensor) -> Tensor:
    place = generator.device
    return _moved(torch.randint(high, shape, generator=generator, device=place), like)


def _uniform(shape: tuple[int, ...], generator: Generator, like: Tensor) -> Tensor:
    return _moved(torch.rand(shape, generator=generator, device=generator.device), like)


def _moved(drawn: Tensor, like: Tensor) -> Tensor:
    """A GPU is not waited for: so small a copy is taken over before the call returns."""
    return drawn.to(like.device, non_blocking=like.device.type == "cuda")


def _floats(images: Tensor) -> Tensor:
    if images.dtype != torch.uint8:
        raise ValueError(f"images must be uint8 (not yet normalised), got {images.dtype}")
    return images.float()


def _bytes(values: Tensor) -> Tensor:
    return values.round().clamp_(0, 255).to(torch.uint8)


def _grey(values: Tensor) -> Tensor:
    red, green, blue = values.split(1, dim=1)
    return GREY[0] * red + GREY[1] * green + GREY[2] * blue  # [B, 1, H, W]


def _turned(values: Tensor, angle: Tensor) -> Tensor:
    """Colours turned by `angle` about the grey axis: red becomes green at a third of a circle."""
    middle = values.mean(1, keepdim=True)
    aside = (values.roll(1, 1) - values.roll(-1, 1)) / math.sqrt(3)  # axis x colour
    return middle + (values - middle) * angle.cos() + aside * angle.sin()
