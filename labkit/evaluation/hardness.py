"""Which negatives a contrastive loss listens to: how many count, and what the hardest weigh.

The repulsive part of InfoNCE's gradient gives negative j the weight w_j, the softmax of the
scores over the negatives alone. Effective number: 1 / sum w^2 (Kish 1965, survey weights).
"""

import math

import torch
from torch import Tensor

from labkit.errors import between, positive


def negative_weights(cosines: Tensor, temperature: float) -> Tensor:
    """Each negative's share of the repulsion, rows sum to 1: cosines [B, K] -> [B, K].

    Raises ValueError for temperature <= 0 and cosines that are not [B, K] with K >= 1.
    """
    if cosines.dim() != 2 or cosines.shape[1] < 1:
        raise ValueError(f"cosines must be [B, K] with K >= 1, got {list(cosines.shape)}")
    return (cosines / positive("temperature", temperature)).softmax(dim=1)


def effective_number(weights: Tensor) -> Tensor:
    """1 / sum w^2 of each row, 1 (one negative has it all) to K (all alike): [B, K] -> [B]."""
    return 1 / weights.square().sum(dim=1)


def hardest_share(weights: Tensor, share: float = 0.05) -> Tensor:
    """What the hardest `share` of the negatives (at least one) weigh together: [B, K] -> [B].

    `share` itself if all weigh alike (and K divides), 1 if the hardest has it all.
    """
    count = max(1, math.ceil(between("share", share, 0, 1) * weights.shape[1] - 1e-9))
    return torch.topk(weights, count, dim=1).values.sum(dim=1)
