"""How much of a contrastive gradient is signal, and how much the luck of which negatives came."""

import torch
from torch import Generator, Tensor

from labkit.errors import positive, whole


def gradient_signal(
    x: Tensor,
    y: Tensor,
    *,
    temperature: float,
    negatives: int,
    anchors: int = 64,
    draws: int = 32,
    generator: Generator | None = None,
) -> dict[str, float]:
    """The InfoNCE gradient at `anchors` embeddings, over `draws` of its negatives from a bank.

    x, y: a bank of N pairs, unit rows [N, D]. For anchor x_i with positive y_i and K negatives
    drawn from the other y (with replacement), g = (sum_j p_j y_j - y_i) / temperature, where p is
    the softmax of the K + 1 scores. "snr" = length of the mean gradient over the standard
    deviation of g, 0 for pure noise; "agreement" = the cosine, -1..1, of g and the gradient with
    the whole bank as negatives. ValueError for bad arguments.
    """
    temperature, k = positive("temperature", temperature), whole("negatives", negatives)
    if x.dim() != 2 or x.shape != y.shape or len(x) < 2:
        raise ValueError(f"x and y must be [N, D] alike, got {list(x.shape)}, {list(y.shape)}")
    n, draws = len(x), whole("draws", draws, minimum=2)
    own = torch.randperm(n, generator=generator)[: min(n, whole("anchors", anchors))]  # [A]
    scores = x[own] @ y.T / temperature  # [A, N]
    other = torch.randint(n - 1, (len(own), draws, k), generator=generator)
    other = other + (other >= own[:, None, None])  # any but the anchor's own
    drawn = torch.zeros(len(own), draws, n).scatter_add_(2, other, torch.ones(other.shape))
    gradient = _gradient(scores, drawn, own, y) / temperature  # [A, R, D]
    every = torch.ones(len(own), 1, n).scatter_(2, own[:, None, None], 0.0)
    whole_bank = _gradient(scores, every, own, y) / temperature  # [A, 1, D]
    noise = gradient.var(1).sum(1)  # [A]
    signal = (gradient.mean(1).square().sum(1) - noise / draws).clamp_min(0)  # [A] unbiased
    both = (gradient * whole_bank).sum() / (gradient.norm() * whole_bank.norm() * draws**0.5)
    return {"snr": (signal.sum() / noise.sum()).sqrt().item(), "agreement": both.item()}


def _gradient(scores: Tensor, times: Tensor, own: Tensor, y: Tensor) -> Tensor:
    """sum_j p_j y_j - y_i with every y_j counted `times` [A, R, N]: [A, R, D]."""
    counted = times.scatter(2, own[:, None, None].expand(-1, times.shape[1], 1), 1.0)
    p = (scores[:, None] + counted.log()).softmax(2)  # log 0 = -inf: not drawn, no share
    return p @ y - y[own][:, None]
