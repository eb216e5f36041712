"""CRD - Tian, Krishnan, Isola (2020), "Contrastive Representation Distillation".

    P_k = exp(e . v_k / tau) / Z          the score of bank entry k for the anchor e, k = 0 its own
    h_k = P_k / (P_k + K / n + 1e-7)      the probability that the pair is congruent
    L   = -mean over anchors of (log h_0 + sum_k log(1 - h_k)),     1 - h_k as (K / n) / (...)

twice: student anchors against the teacher's bank, plus teacher anchors against the student's; n
pictures, K negatives. e = unit(W f), and both W are trained. This is binary classification of
pairs as congruent or not, one congruent against K others (noise-contrastive estimation).

Paper and code: we follow the authors' code. It has tau 0.07 (the paper is quoted with 0.1 on
CIFAR-100); it divides the scores by Z, which is not in the paper's h: n times the mean score of
the first batch, then frozen (`normaliser`: "ema" and "exact" are ours); the positive is the
bank's entry too, not the live embedding; its loader draws negatives from other classes (`labels`);
both sides are added, not averaged; and a resumed run there starts banks and Z afresh, here both
are buffers. It keeps tau in a float32 buffer, which moves the loss by some 3e-9 of itself.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import positive, unknown, whole
from labkit.losses.checks import products, wide
from labkit.losses.memory import BankedLoss, bank_scores

EPS = 1e-7  # of the official code, in every denominator
NORMALISERS = ("first-batch", "ema", "exact")
KEPT = 0.99  # of Z at each step, normaliser="ema"
LINEAR = 40.0  # softplus(x) = x above: in float64 too the difference is below rounding


def nce(log_scores: Tensor, *, samples: int) -> Tensor:
    """One side of CRD from the logarithms of normalised scores P, in nats.

    Shapes: log_scores [B, 1 + K], column 0 the positives; a scalar comes back, >= 0.
    Value at chance (all P = 1 / samples): log(K + 1) + K log(1 + 1 / K), half of `crd_chance`.
    Raises ValueError for another shape and samples < 1.
    Source: the official code; Tian et al. (2020), the critic's objective and h.
    """
    if log_scores.dim() != 2 or log_scores.shape[1] < 2 or not len(log_scores):
        raise ValueError(f"log_scores must be [B, 1 + K], K >= 1, got {list(log_scores.shape)}")
    negatives = log_scores.shape[1] - 1
    noise = negatives / whole("samples", samples)
    gap = wide(log_scores) - math.log(noise + EPS)  # [B, 1 + K]
    own = F.softplus(-gap[:, 0], threshold=LINEAR)  # -log h of the positive
    others = F.softplus(gap[:, 1:], threshold=LINEAR).sum(1)
    return (own + others).mean() + negatives * math.log1p(EPS / noise)


def crd_chance(negatives: int) -> float:
    """CRD's value, both sides, when every score is 1 / n: 2 [log(K + 1) + K log(1 + 1 / K)] nats.

    The code's 1e-7 is left out (it adds 2e-7 n). Untrained networks start above this, by 1.7 to
    1.9 nats with 128 dimensions at tau 0.07: scores that scatter cost more than their mean.
    """
    k = whole("negatives", negatives)
    return 2 * (math.log(k + 1) + k * math.log1p(1 / k))


def crd_floor(
    negatives: int,
    *,
    samples: int,
    temperature: float,
    log_z: Sequence[float],
    classes: int | None = None,
) -> float:
    """The least expected value of CRD at this temperature and these two fixed log Z, in nats.

    No banks of unit vectors do better, whatever their dimension. With pairs at cosine p and
    others at q on average, what can be had is p = 1 - 2 w, q = -w - (1 - w) / (n - 1), 0 <= w <= 1:
    a simplex at w = 0, and with larger w all of one network moved away from all of the other. The
    terms are convex, so equal cosines are best and w is found by halving.
    classes: negatives are of other classes (of equal size); then that many points lie apart.
    Raises ValueError for values out of range. Ours.
    """
    k, tau = whole("negatives", negatives), positive("temperature", temperature)
    apart = whole("samples", samples, minimum=2)
    if classes is not None:
        apart = whole("classes", classes, minimum=2)
    if len(log_z) != 2:
        raise ValueError(f"log_z must be two numbers, one per side, got {len(log_z)}")
    noise = k / samples

    def value(w: float) -> float:
        pairs, others = (1 - 2 * w) / tau, -(w + (1 - w) / (apart - 1)) / tau
        shifts = [float(z) + math.log(noise + EPS) for z in log_z]
        each = (_softplus(c - pairs) + k * _softplus(others - c) for c in shifts)
        return sum(each) + 2 * k * math.log1p(EPS / noise)

    return value(_least(value))


class CRD(BankedLoss):
    """The loss with its heads, banks and normaliser, for `samples` pictures.

    Shapes: forward takes student_features [B, student_dim], teacher_features [B, teacher_dim] (no
    gradient goes there), index [B], the pictures' positions in 0..samples-1, and negative_index
    [B, K], or None to draw `negatives` (from other classes only if `labels` [samples] is given);
    a scalar comes back, in nats. Value at chance: `crd_chance`; the least: `crd_floor`.
    normaliser: "first-batch" as official; "ema": 0.99 Z + 0.01 n mean(scores) at each step;
    "exact": each anchor's own sum over its bank, without a gradient, nothing to remember
    `temperature`, `negatives` may be changed between steps (a frozen Z stays that of the first);
    `generator` draws the negatives; `fill` puts real embeddings where the banks hold noise. Banks
    and Z change in training mode only: eval() measures.
    A second derivative raises an error. K = 65536 works. Raises ValueError for bad input.
    Source: the official code; Tian et al. (2020).
    """

    log_z: Tensor

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        samples: int,
        *,
        negatives: int,
        temperature: float = 0.07,
        dim: int = 128,
        momentum: float = 0.5,
        labels: Tensor | None = None,
        normaliser: str = "first-batch",
    ) -> None:
        super().__init__(
            student_dim,
            teacher_dim,
            samples,
            negatives=negatives,
            dim=dim,
            momentum=momentum,
            labels=labels,
        )
        if normaliser not in NORMALISERS:
            raise unknown("normaliser", normaliser, NORMALISERS)
        self.temperature = positive("temperature", temperature)
        self.normaliser = normaliser
        self.register_buffer("log_z", torch.full((2,), math.nan))  # not a number: not yet known

    def forward(
        self,
        student_features: Tensor,
        teacher_features: Tensor,
        index: Tensor,
        negative_index: Tensor | None = None,
    ) -> Tensor:
        tau = positive("temperature", self.temperature)
        columns = self.columns(index, negative_index)  # [B, 1 + K]
        s, t = self.embed(student_features, teacher_features, len(columns))  # [B, D]
        loss = self._side(0, s, self.memory.teacher, columns, tau)
        loss = loss + self._side(1, t, self.memory.student, columns, tau)
        if self.training:
            self.memory.remember(columns[:, 0], s, t)
        return loss

    def _side(self, side: int, anchor: Tensor, bank: Tensor, columns: Tensor, tau: float) -> Tensor:
        def value(e: Tensor) -> Tensor:
            logits = bank_scores(e, bank, columns) / tau
            log_z = self._normaliser(side, logits.detach(), e.detach(), bank, tau)
            return nce(logits - log_z, samples=len(bank))

        return at_once(value, anchor)

    def _normaliser(
        self, side: int, logits: Tensor, anchor: Tensor, bank: Tensor, tau: float
    ) -> Tensor:
        """log Z, a number or [B, 1]."""
        if self.normaliser == "exact":
            blocks = [(products(anchor, rows) / tau).logsumexp(1) for rows in bank.split(2**16)]
            return torch.stack(blocks).logsumexp(0)[:, None]
        known = self.log_z[side].clone()
        fresh = bool(known.isnan())
        if not fresh and self.normaliser == "first-batch":
            return known
        now = logits.flatten().logsumexp(0) + math.log(len(bank) / logits.numel())
        if not fresh and self.training:
            now = torch.logaddexp(known + math.log(KEPT), now + math.log(1 - KEPT))
        if self.training:
            self.log_z[side] = now
        return now if fresh or self.training else known


def at_once(value: Callable[[Tensor], Tensor], anchor: Tensor) -> Tensor:
    """value(anchor), a scalar, with its gradient taken now: what it reads may change afterwards."""
    if not (torch.is_grad_enabled() and anchor.requires_grad):
        return value(anchor)
    leaf = anchor.detach().requires_grad_()
    result = value(leaf)
    (slope,) = torch.autograd.grad(result, leaf)
    return _Taken.apply(anchor, result.detach(), slope)


class _Taken(torch.autograd.Function):
    """A value whose gradient is known already."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None, None]:
        if torch.is_grad_enabled():  # create_graph=True: what would follow were wrong
            raise RuntimeError("CRD gives first derivatives only: its banks have moved on")
        (slope,) = ctx.saved_tensors
        return outer * slope, None, None


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _least(value: Callable[[float], float]) -> float:
    """Where a convex function has its least value in 0..1."""
    low, high = 0.0, 1.0
    for _ in range(100):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if value(left) < value(right) else (left, high)
    return (low + high) / 2
