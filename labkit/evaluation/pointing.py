"""Pointing: does the highest value of a heat map lie on the object?"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Pointing(NamedTuple):
    """How much of the cell that is pointed at is motif, on average over pictures, 0..1."""

    found: float  # the cell with the highest value
    chance: float  # a cell at random
    fixed: float  # the same cell for all pictures, the best such one
    most: float  # each picture's best cell


def pointing(values: Tensor, masks: Tensor) -> Pointing:
    """Does the highest of a picture's values [N, h, w] lie on the motif, masks bool [N, H, W]?

    `found` is the probability that a pixel drawn from the highest cell is the motif's.
    Value at chance: the motif's share of the picture. Many motifs are near the middle, so compare
    with `fixed`, what one gets without looking at the picture. Raises ValueError for other shapes.
    """
    if values.dim() != 3 or masks.dim() != 3 or len(values) != len(masks) or not len(values):
        raise ValueError(
            f"values must be [N, h, w] and masks [N, H, W], N >= 1, got {list(values.shape)} and "
            f"{list(masks.shape)}"
        )
    high, wide = values.shape[1:]
    cover = F.adaptive_avg_pool2d(masks[:, None].float(), (high, wide))[:, 0]  # [N, h, w]
    best = values.flatten(1).argmax(1, keepdim=True)
    return Pointing(
        cover.flatten(1).gather(1, best).mean().item(),
        cover.mean().item(),
        cover.mean(0).max().item(),
        cover.flatten(1).amax(1).mean().item(),
    )


def loudest(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """The mean size |.| of maps [N, C, H, W] over channels, pooled to `size`: [N, h, w]."""
    return F.adaptive_avg_pool2d(maps.abs().mean(1, keepdim=True), size)[:, 0]
