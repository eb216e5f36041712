"""Correlated Gaussians: pairs whose mutual information is known in closed form.

    x ~ N(0, 1)^D,   y = rho x + sqrt(1 - rho^2) noise,   I(x; y) = -(D / 2) log(1 - rho^2)

Cubing y elementwise changes its distribution and the critic it takes, and not the information.
"""

import math

import torch
from torch import Generator, Tensor

from labkit.errors import positive, whole


def rho_of(information: float, dim: int) -> float:
    """The correlation 0 <= rho < 1 that gives `information` nats in `dim` dimensions.

    rho = sqrt(1 - e^(-2 I / D)). ValueError for information below 0, or above 18 nats a dimension,
    where rho can no longer be told from 1.
    """
    dim = whole("dim", dim)
    if information != 0:
        positive("information", information)
    rho = math.sqrt(-math.expm1(-2 * information / dim))
    if rho == 1:
        raise ValueError(f"information must be below {18 * dim} in {dim} dimensions")
    return rho


def information_of(rho: float, dim: int) -> float:
    """I(x; y) in nats of `dim` independent pairs of correlation -1 < rho < 1; ValueError else."""
    return -whole("dim", dim) / 2 * math.log1p(-(_correlation(rho) ** 2))


def correlated(
    batch: int,
    dim: int,
    information: float,
    *,
    cubed: bool = False,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """`batch` pairs that share `information` nats: x, y float32 [B, D], on the generator's device.

    Each coordinate of x and y is N(0, 1), or y is the cube of such. ValueError as `rho_of`.
    """
    rho, shape = rho_of(information, dim), (2, whole("batch", batch), dim)
    device = None if generator is None else generator.device
    x, noise = torch.randn(shape, generator=generator, device=device)
    y = rho * x + math.exp(-information / dim) * noise  # sqrt(1 - rho^2)
    return x, y**3 if cubed else y


def optimal_scores(x: Tensor, y: Tensor, rho: float, *, cubed: bool = False) -> Tensor:
    """The perfect critic log p(y_j | x_i) - log p(y_j), in nats: [B, B], pairs on the diagonal.

    x, y [B, D] as `correlated` draws them with the same rho, -1 < rho < 1, and `cubed`.
    Its diagonal's mean estimates I(x; y) without bias. ValueError for shapes that do not fit.
    """
    if x.dim() != 2 or x.shape != y.shape:
        raise ValueError(f"x and y must be [B, D] alike, got {list(x.shape)} and {list(y.shape)}")
    rho = _correlation(rho)
    if cubed:
        y = y.sign() * y.abs() ** (1 / 3)
    squares = x.square().sum(1)[:, None] + y.square().sum(1)  # [B, B]
    ratio = (2 * rho * x @ y.T - rho**2 * squares) / (2 * (1 - rho**2))
    return ratio + information_of(rho, x.shape[1])


def _correlation(rho: float) -> float:
    if isinstance(rho, bool) or not -1 < float(rho) < 1:
        raise ValueError(f"rho must lie between -1 and 1, both excluded, got {rho!r}")
    return float(rho)
