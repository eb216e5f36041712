"""Optimal transport between two sets of equally heavy points: Cuturi (2013), "Sinkhorn Distances";
Xie, Wang, Wang, Zha (2020), "A Fast Proximal Point Method for Computing Exact Wasserstein
Distance" (IPOT).

    P* = argmin <P, C> over plans P >= 0 whose N rows sum to 1 / N and whose M columns to 1 / M
    sinkhorn   argmin <P, C> + epsilon sum P log P: the entropy blurs the plan
    ipot       P <- argmin <P, C> + beta KL(P || P before), again and again: tends to P* itself

Both scale exp(-C / epsilon) to the marginals in turn. Published code does that with exponentials,
which vanish in float32 at a cosine cost of 2 and epsilon 0.01; here all is logarithms. IPOT's inner
loop has one round, as in the code of WCoRD's first author (OT-Seq2Seq: beta 0.5, 50 iterations).
"""

import math

import torch
from torch import Tensor

from labkit.errors import positive, whole
from labkit.losses.checks import products, unit, wide


def cosine_cost(a: Tensor, b: Tensor) -> Tensor:
    """1 - cosine between every a_i and every b_j: a [N, D], b [M, D] give [N, M], 0..2.

    Raises ValueError for other shapes. A zero vector is at cost 1 from all.
    """
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1] or 0 in (*a.shape, *b.shape):
        raise ValueError(f"a must be [N, D] and b [M, D], got {list(a.shape)} and {list(b.shape)}")
    return 1 - products(unit(wide(a)), unit(wide(b)))


def sinkhorn(cost: Tensor, *, epsilon: float, iterations: int = 100) -> Tensor:
    """The plan of entropic transport, [N, M], differentiable through its iterations.

    cost [N, M] in any unit, which is epsilon's too. Rows sum to 1 / N exactly, columns to 1 / M
    once it has converged (`marginal_error`): the smaller epsilon, the later. Large epsilon gives
    1 / (N M) everywhere.
    Raises ValueError for epsilon <= 0, iterations < 1 and a cost that is not a floating [N, M].
    Source: Cuturi (2013), algorithm 1, in logarithms.
    """
    log_k = -_checked(cost) / positive("epsilon", epsilon)  # [N, M]
    log_n, log_m = (math.log(size) for size in log_k.shape)
    rows = log_k.new_zeros(len(log_k), 1)
    for _ in range(whole("iterations", iterations)):
        columns = -log_m - (log_k + rows).logsumexp(0, keepdim=True)  # [1, M]
        rows = -log_n - (log_k + columns).logsumexp(1, keepdim=True)  # [N, 1]
    return (log_k + rows + columns).exp()


def ipot(cost: Tensor, *, beta: float, iterations: int = 50) -> Tensor:
    """The plan of exact transport, approached, [N, M], differentiable through its iterations.

    cost [N, M] in any unit, which is beta's too. Rows sum to 1 / N exactly, columns to 1 / M once
    it has converged (`marginal_error`): any beta leads to the same plan, a smaller one sooner.
    Raises ValueError for beta <= 0, iterations < 1 and a cost that is not a floating [N, M].
    Source: Xie et al. (2020), algorithm 1 with one inner round.
    """
    log_k = -_checked(cost) / positive("beta", beta)  # [N, M]
    log_n, log_m = (math.log(size) for size in log_k.shape)
    log_plan = torch.zeros_like(log_k)
    rows = log_k.new_full((len(log_k), 1), -log_n)
    for _ in range(whole("iterations", iterations)):
        step = log_k + log_plan
        columns = -log_m - (step + rows).logsumexp(0, keepdim=True)  # [1, M]
        rows = -log_n - (step + columns).logsumexp(1, keepdim=True)  # [N, 1]
        log_plan = step + rows + columns
    return log_plan.exp()


def marginal_error(plan: Tensor) -> float:
    """The most that a row's sum is off 1 / N or a column's off 1 / M; plan [N, M]; 0 at best."""
    n, m = _checked(plan).shape
    rows, columns = (plan.sum(1) - 1 / n).abs().max(), (plan.sum(0) - 1 / m).abs().max()
    return max(rows.item(), columns.item())


def _checked(cost: Tensor) -> Tensor:
    if cost.dim() != 2 or 0 in cost.shape or not torch.is_floating_point(cost):
        raise ValueError(f"cost must be a floating [N, M], got {cost.dtype} {list(cost.shape)}")
    return wide(cost)
