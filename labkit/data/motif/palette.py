"""Twenty colours with names, one for each shape when a lab ties the two together."""

import functools

import torch
from torch import Tensor

PALETTE: dict[str, tuple[int, int, int]] = {
    "red": (214, 39, 40),
    "orange": (255, 140, 26),
    "yellow": (250, 220, 40),
    "lime": (165, 220, 50),
    "green": (40, 160, 60),
    "mint": (130, 230, 180),
    "teal": (0, 128, 128),
    "cyan": (60, 210, 235),
    "blue": (40, 80, 210),
    "navy": (20, 30, 100),
    "purple": (125, 50, 180),
    "lavender": (195, 165, 240),
    "magenta": (225, 50, 200),
    "pink": (250, 165, 190),
    "brown": (120, 75, 35),
    "beige": (240, 220, 180),
    "maroon": (115, 15, 40),
    "black": (25, 25, 30),
    "white": (245, 245, 245),
    "grey": (128, 128, 128),
}
COLOURS: tuple[str, ...] = tuple(PALETTE)
CONTRAST = 230.0  # least distance between an object's two colours, and between it and its ground


@functools.lru_cache(maxsize=8)
def colours(device: torch.device) -> Tensor:
    """float32 [20, 3], 0..255."""
    return torch.tensor(list(PALETTE.values()), dtype=torch.float32, device=device)


@functools.lru_cache(maxsize=8)
def apart(device: torch.device) -> Tensor:
    """float32 [20, 20]: 1 where two colours differ visibly (weighted RGB distance), else 0."""
    rgb = colours(torch.device("cpu"))
    weight = torch.tensor([2.0, 4.0, 3.0], device="cpu")  # the eye weighs green most
    gap = (rgb[:, None] - rgb[None]).square().mul(weight).sum(-1).sqrt()
    return (gap > CONTRAST).to(torch.float32).to(device)
