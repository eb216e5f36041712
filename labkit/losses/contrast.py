"""Contrastive losses on embeddings - InfoNCE, NT-Xent, and what they trade off on the sphere.

    InfoNCE   L_i = -log exp(a_i.p_i / tau) / (exp(a_i.p_i / tau) + sum_j exp(a_i.n_ij / tau))
    NT-Xent   InfoNCE over 2B views: each view's positive is the other view of its picture, its
              negatives are the 2B - 2 views of the other pictures

van den Oord, Li, Vinyals (2018), "Representation Learning with Contrastive Predictive Coding";
Chen, Kornblith, Norouzi, Hinton (2020), "A Simple Framework for Contrastive Learning";
alignment and uniformity: Wang and Isola (2020).

Every embedding is divided by its length first (a zero vector stays zero), so that a.p is a cosine
and tau the only scale. In-batch negatives take one direction here (anchor against positives);
CLIP's loss, which takes both, has a file of its own.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import positive as above_zero
from labkit.losses.checks import products, unit, wide


def info_nce(
    anchor: Tensor, positive: Tensor, negatives: Tensor | None = None, *, temperature: float
) -> Tensor:
    """Cross-entropy of finding the positive among the negatives, in nats.

    Shapes: anchor [B, D], positive [B, D], negatives [K, D] for all anchors or [B, K, D] each its
    own; None takes the other positives of the batch, K = B - 1. A scalar comes back, 0 to
    log(K + 1) + 2 / tau.
    Value at chance (all cosines equal): log(K + 1), whatever tau is.
    Raises ValueError for temperature <= 0 and shapes that do not fit.
    Source: van den Oord et al. (2018), equation 4.
    """
    temperature = above_zero("temperature", temperature)
    a, p = _pair(anchor, positive, names=("anchor", "positive"))
    if negatives is None:
        scores, target = products(a, p), torch.arange(len(a), device=a.device)  # [B, B]
    else:
        scores = torch.cat([(a * p).sum(1, keepdim=True), _against(a, negatives)], 1)  # [B, 1 + K]
        target = torch.zeros(len(a), dtype=torch.long, device=a.device)
    return F.cross_entropy(scores / temperature, target)


def nt_xent(z1: Tensor, z2: Tensor, *, temperature: float) -> Tensor:
    """The mean over all 2B views of InfoNCE against the other 2B - 2, in nats.

    Shapes: z1 [B, D], z2 [B, D], two views of the same pictures in the same order; a scalar.
    Value: log(2B - 1) if all embeddings are equal or all orthogonal, at any tau; views equal and
    pictures orthogonal: log(1 + (2B - 2) exp(-1 / tau)).
    Raises ValueError for temperature <= 0, shapes that differ, and B < 2.
    Source: Chen et al. (2020), equation 1.
    """
    temperature = above_zero("temperature", temperature)
    a, b = _pair(z1, z2, names=("z1", "z2"))
    z = torch.cat([a, b])  # [2B, D]
    scores = products(z, z) / temperature  # [2B, 2B]
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    other = torch.arange(len(z), device=z.device).roll(len(a))  # i's positive is i + B
    return F.cross_entropy(scores.masked_fill(itself, -torch.inf), other)


def alignment(z1: Tensor, z2: Tensor) -> Tensor:
    """Mean squared distance of the two views of a picture on the unit sphere, 0..4.

    Shapes: z1 [B, D], z2 [B, D]; a scalar. 0 when views agree, 2 when they are unrelated.
    Raises ValueError for shapes that differ. Source: Wang and Isola (2020), with exponent 2.
    """
    a, b = _pair(z1, z2, names=("z1", "z2"))
    return (a - b).square().sum(1).mean()


def uniformity(z: Tensor) -> Tensor:
    """log of the mean over pairs i != j of exp(-2 ||z_i - z_j||^2) on the unit sphere, -8..0.

    Shapes: z [B, D]; a scalar. 0 when all are equal (collapse), near -4 when spread evenly.
    Raises ValueError unless z is [B, D] with B >= 2. Source: Wang and Isola (2020), t = 2.
    """
    a, _ = _pair(z, z, names=("z", "z"))
    others = ~torch.eye(len(a), dtype=torch.bool, device=a.device)
    squared = 2 - 2 * products(a, a)  # [B, B]
    return (-2 * squared)[others].logsumexp(0) - math.log(len(a) * (len(a) - 1))


def _pair(first: Tensor, second: Tensor, names: tuple[str, str]) -> tuple[Tensor, Tensor]:
    """Both on the unit sphere, in float32 or float64."""
    for name, x in zip(names, (first, second), strict=True):
        if x.dim() != 2 or len(x) < 2 or x.shape[1] < 1:
            raise ValueError(f"{name} must be [B, D] with B >= 2, got {list(x.shape)}")
        if not torch.is_floating_point(x):
            raise ValueError(f"{name} must be floating point, got {x.dtype}")
    if first.shape != second.shape:
        raise ValueError(
            f"{names[0]} {list(first.shape)} and {names[1]} {list(second.shape)} need one shape"
        )
    return unit(wide(first)), unit(wide(second))


def _against(anchor: Tensor, negatives: Tensor) -> Tensor:
    """Cosines [B, K] of each anchor with its negatives."""
    shape = tuple(negatives.shape)
    fits = len(shape) in (2, 3) and shape[-1] == anchor.shape[1] and shape[-2] >= 1
    if not fits or (len(shape) == 3 and shape[0] != len(anchor)):
        raise ValueError(
            f"negatives must be [K, {anchor.shape[1]}] or [{len(anchor)}, K, {anchor.shape[1]}] "
            f"with K >= 1, got {list(shape)}"
        )
    n = unit(wide(negatives))
    return products(anchor, n) if n.dim() == 2 else products(anchor[:, None], n)[:, 0]
