"""A small vision transformer (Dosovitskiy et al. 2021) for 32x32 images.

Patches of 4x4 pixels, learned positions, pre-norm blocks, no class token: the pooled vector is
the mean of the tokens after the last LayerNorm. Maps are token grids before that norm, the
embedded patches first, and of either sign.
"""

import torch
from torch import Tensor, nn

from labkit.models.features import Features

PATCH, GRID = 4, 8  # pixels per patch, patches per side


class ViT(nn.Module):
    """`depth` blocks of width `dim`; maps follow the embedding and every second block."""

    maps_after_relu = False

    def __init__(self, dim: int, depth: int, heads: int, classes: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, dim, PATCH, PATCH)
        self.positions = nn.Parameter(torch.randn(GRID * GRID, dim) * 0.02)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                dim, heads, 4 * dim, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)
        self.fc = nn.Linear(dim, classes)

    def forward(self, x: Tensor) -> Features:
        tokens = self.embed(x).flatten(2).mT + self.positions  # [B, 64, D]
        maps = [_grid(tokens)]
        for number, block in enumerate(self.blocks, start=1):
            tokens = block(tokens)
            if number % 2 == 0:
                maps.append(_grid(tokens))
        pooled = self.norm(tokens).mean(dim=1)  # [B, D]
        return Features(tuple(maps), pooled, self.fc(pooled))


def _grid(tokens: Tensor) -> Tensor:
    return tokens.mT.unflatten(2, (GRID, GRID))  # [B, D, 8, 8]
