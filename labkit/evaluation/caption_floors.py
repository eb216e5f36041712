"""Floors - what perfect encoders cannot go below where a caption tells no more than a class.

Every image of a class has the same caption, C captions, all as frequent. Then image and caption
share log C nats, and in a batch of B pairs drawn independently each image meets on average
m = (B - 1) / C captions like its own, filed as wrong ones. Expected losses, scores unbounded:

    CLIP       E log(1 + M), M of Binomial(B - 1, 1 / C)       log B less it rises to log C
    SigLIP     log(1 + m) + m log(1 + 1 / m)                   grows without end, as log m
    CLIP-Lite  log(1 + 1 / C) + log(1 + C) / C                 for any B and k: SigLIP at B = 2

With scores in -scale..scale, as scaled cosines are, the floors are higher. By convexity the best
cosines are one, p, for all right captions and one, q, for all others. Unit vectors have such if
(C - 1) |p - q| + |p + (C - 1) q| <= C, so q >= -1 + (p + 1) (C - 2) / (2 (C - 1)). CLIP depends on
p - q alone, at most C / (C - 1), the vertices of a simplex; for the others p is searched. C
dimensions suffice (C - 1 for CLIP). Our derivation. An expectation: single batches scatter round
it, and without replacement it is a little lower.
"""

import math
from collections.abc import Callable

import torch

from labkit.errors import positive, whole

STEPS = 100  # thirds of the interval to drop: (2 / 3)^100 is below rounding


def clip_floor(batch: int, classes: int, *, scale: float | None = None) -> float:
    """The least expected CLIP loss at batch B with C captions, in nats: 0..log B.

    scale: 1 / temperature, so that scores lie in -scale..scale; None leaves them unbounded
    3.260 at B = 256, C = 10: a loss that stops there is perfect. Chance: log B.
    Raises ValueError for batch or classes below 2 and scale <= 0.
    """
    c, others = whole("classes", classes, 2), whole("batch", batch, 2) - 1
    apart = 0.0 if scale is None else math.exp(-positive("scale", scale) * c / (c - 1))
    same = torch.arange(others + 1, dtype=torch.float64)  # how many of the others are alike
    share = torch.tensor(1 / c, dtype=torch.float64)
    chance = torch.distributions.Binomial(others, share).log_prob(same).exp()
    return (chance * torch.log1p(same + (others - same) * apart)).sum().item()


def siglip_floor(
    batch: int, classes: int, *, scale: float | None = None, bias: float = 0.0
) -> float:
    """The least expected SigLIP loss at batch B with C captions, in nats, above 0.

    scale: 1 / temperature, so that scores lie in bias - scale..bias + scale; None leaves them
    unbounded, and the bias is then of no effect
    4.258 at B = 256, C = 10, where the best score of a right caption is only -log(25.5).
    Raises ValueError for batch or classes below 2, scale <= 0 and a bias not finite.
    """
    c, others = whole("classes", classes, 2), whole("batch", batch, 2) - 1
    same = others / c  # captions like its own that count as wrong
    if not math.isfinite(bias):
        raise ValueError(f"bias must be a finite number, got {bias!r}")
    if scale is None:
        return math.log1p(same) + same * math.log1p(1 / same)
    factor = positive("scale", scale)

    def loss(p: float) -> float:
        q = -1 + (p + 1) * (c - 2) / (2 * (c - 1))
        right, wrong = factor * p + bias, factor * q + bias
        alike = _softplus(-right) + same * _softplus(right)
        return alike + (others - same) * _softplus(wrong)

    return _least(loss)


def clip_lite_floor(classes: int, *, scale: float | None = None) -> float:
    """The least expected CLIP-Lite loss with C captions, 0..2 log 2, at any batch and negatives.

    scale: 1 / temperature, so that scores lie in -scale..scale; None leaves them unbounded
    0.335 at C = 10, where the best score of a right caption is log C. Chance: 2 log 2. Not in
    nats: 2 log 2 less it is twice a Jensen-Shannon divergence.
    Raises ValueError for classes below 2 and scale <= 0.
    """
    return siglip_floor(2, classes, scale=scale)


def _least(loss: Callable[[float], float]) -> float:
    """The least value of a convex function on -1..1."""
    low, high = -1.0, 1.0
    for _ in range(STEPS):
        first, second = (2 * low + high) / 3, (low + 2 * high) / 3
        low, high = (low, second) if loss(first) < loss(second) else (first, high)
    return loss((low + high) / 2)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
