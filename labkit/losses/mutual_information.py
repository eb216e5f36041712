"""Lower bounds on mutual information - Poole et al. (2019), "On Variational Bounds of Mutual
Information"; Song & Ermon (2020), "Understanding the Limitations
of Variational Mutual Information Estimators" (SMILE); Belghazi et al. (2018) (MINE); van den Oord
et al. (2018) (InfoNCE); Hjelm et al. (2019) (JSD).

A batch of B pairs (x_i, y_i) and a critic f give scores S_ij = f(x_i, y_j): the diagonal holds
joint samples, the other B (B - 1) entries samples of the product of the marginals. Every function
takes S [B, B] and returns a scalar to MAXIMISE, in nats. E is the mean over the diagonal, P the
mean over all entries off it:

    info_nce      E[S_ii - log mean_j e^S_ij]                  at most log B
    dv            E[S_ii] - log P[e^S]
    mine          the value of dv, its gradient with P[e^S] replaced by a running mean
    tuba          1 + E[S_ii - log a_i] - P[e^S_ij / a_i]
    nwj           tuba with a = e: E[S_ii] - P[e^(S - 1)]
    interpolated  tuba with a = alpha * (mean of the others' e^S) + (1 - alpha) * a given a
    jsd           E[-softplus(-S_ii)] - P[softplus(S)]         at most 0, no estimate of nats
    smile         E[S_ii] - log P[e^clip(S)], with the gradient of jsd; no bound

Two conventions of counting: a score matrix gives every row B - 1 negatives beside its positive
and the ceiling log B; K explicit negatives give the ceiling log(K + 1).

Paper and code: a row holds one x and all y, so the softmax of info_nce runs over y and a baseline
belongs to x; published separable critics return the transpose. The published docstring of
interpolated has alpha the wrong way round (alpha = 1 is InfoNCE), and its leave-one-out sums lose
all digits in float32 once a score leads its row by 16 nats; ours are exact. Its alpha = 1 leaves
one score out of every sum and differs from info_nce by that: its ceiling is log(B - 1). Published
code reads a critic trained by jsd with nwj(S), e^-1 nats too low at the optimum: nwj needs S + 1.
"""

import math
import sys

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import between, positive
from labkit.losses.checks import wide


def info_nce(scores: Tensor) -> Tensor:
    """The InfoNCE bound: which y of the batch belongs to x, in nats.

    Shapes: scores [B, B], pairs on the diagonal, B >= 2; a scalar comes back.
    Value: 0 for a constant critic, never above log B; best at f = log p(y | x) + c(x).
    Raises ValueError for scores of another shape or kind.
    Source: van den Oord et al. (2018).
    """
    s = _square(scores)
    return math.log(len(s)) + (s.diagonal() - s.logsumexp(1)).mean()


def info_nce_explicit(positive: Tensor, negatives: Tensor) -> Tensor:
    """InfoNCE with K negatives of its own for each positive, in nats.

    Shapes: positive [B], negatives [B, K], B and K at least 1; a scalar comes back.
    Value: 0 for a constant critic, never above log(K + 1).
    Raises ValueError for shapes that do not fit.
    Source: van den Oord et al. (2018), whose N is K + 1.
    """
    fits = positive.dim() == 1 and negatives.dim() == 2 and len(positive) == len(negatives)
    if not fits or 0 in negatives.shape:
        raise ValueError(
            f"positive must be [B] and negatives [B, K], B and K at least 1, "
            f"got {list(positive.shape)} and {list(negatives.shape)}"
        )
    _floating("positive", positive)
    _floating("negatives", negatives)
    chosen, others = wide(positive), wide(negatives)
    every = torch.cat([chosen[:, None], others], dim=1)  # [B, K + 1]
    return math.log(every.shape[1]) + (chosen - every.logsumexp(1)).mean()


def dv(scores: Tensor) -> Tensor:
    """The Donsker-Varadhan bound, in nats.

    Shapes: scores [B, B], pairs on the diagonal, B >= 2; a scalar comes back.
    Value: 0 for a constant critic; best at f = log p(y | x) / p(y) + c. A bound only for the
    expectation: the logarithm of a batch's mean is too small on average, so it overshoots.
    Raises ValueError for scores of another shape or kind.
    Source: Donsker & Varadhan (1983); Belghazi et al. (2018).
    """
    s = _square(scores)
    return s.diagonal().mean() - _log_mean_exp(_others(s))


def mine(
    scores: Tensor, state: float | None = None, *, momentum: float = 0.9
) -> tuple[Tensor, float]:
    """The value of `dv` with MINE's gradient, in nats, and the state for the next batch.

    The gradient is E[grad S] - P[e^S grad S] / m, where m is the running mean of P[e^S]:
    momentum * state + (1 - momentum) * this batch. `state` None starts it at this batch's mean
    (the gradient is then that of dv); the published code starts at 1.
    Shapes: scores [B, B], pairs on the diagonal, B >= 2; a scalar and m, above 0, come back.
    Raises ValueError for momentum outside 0..1 and a state that is not positive.
    Source: Belghazi et al. (2018), the correction of the gradient's bias.
    """
    momentum, s = between("momentum", momentum, 0, 1), _square(scores)
    partition = _log_mean_exp(_others(s))
    now = partition.detach().cpu().double().exp().item()
    mean = now if state is None else positive("state", float(state))
    if state is not None:
        mean = momentum * mean + (1 - momentum) * now
    mean = max(mean, sys.float_info.min)  # scores below -700 everywhere have no logarithm
    slope = (partition - math.log(mean)).exp()  # its gradient is P[e^S grad S] / m
    return s.diagonal().mean() - slope + (slope - partition).detach(), mean


def tuba(scores: Tensor, log_baseline: Tensor | float) -> Tensor:
    """The TUBA bound with a baseline a > 0 for every row, in nats.

    Shapes: scores [B, B], pairs on the diagonal, B >= 2; log_baseline a number, [] or [B], one
    for every x; a scalar comes back.
    Value: 0 for f = 0 and a = 1; unbiased, its spread grows as e^(I / 2). Best at a = E[e^f].
    Raises ValueError for scores or a baseline of another shape or kind.
    Source: Poole et al. (2019) (their y is our x).
    """
    s = _square(scores)
    log_a = _baseline(log_baseline, s)
    negatives = _others(s).logsumexp(1) - math.log(len(s) - 1)  # [B]
    return 1 + (s.diagonal() - log_a).mean() - (negatives - log_a).exp().mean()


def nwj(scores: Tensor) -> Tensor:
    """The bound of Nguyen, Wainwright and Jordan (f-MINE, MINE-f): `tuba` with a = e, in nats.

    Shapes: scores [B, B], pairs on the diagonal, B >= 2; a scalar comes back.
    Value: -1 / e for f = 0; best at f = 1 + log p(y | x) / p(y). Unbiased; its variance grows
    as e^I.
    Raises ValueError for scores of another shape or kind.
    Source: Nguyen et al. (2010); Poole et al. (2019).
    """
    return tuba(scores, 1.0)


def interpolated(scores: Tensor, alpha: float, log_baseline: Tensor | float) -> Tensor:
    """I_alpha: from the spread of `tuba` (alpha = 0) to the bias of InfoNCE (alpha = 1), in nats.

    The baseline of a row is alpha * mean of the other e^S + (1 - alpha) * e^log_baseline, where
    "other" leaves out one negative beside the positive, in turn, and the positive beside the
    negatives.
    Shapes: scores [B, B], pairs on the diagonal, B >= 2; log_baseline a number, [] or [B], one
    for every x; a scalar comes back.
    Value: 0 for f = 0 and a = 1; at most 1 + log((B - 1) / alpha).
    Raises ValueError for alpha outside 0..1, scores or a baseline of another shape or kind.
    Source: Poole et al. (2019). Time and memory O(B^2).
    """
    alpha, s = between("alpha", alpha, 0, 1), _square(scores)
    log_a, negatives = _leave_one_out(s, _baseline(log_baseline, s)[:, None], alpha)
    own = log_a.diagonal()
    joint = s.diagonal().mean() - (log_a.sum() - own.sum()) / (len(s) * (len(s) - 1))
    return 1 + joint - (negatives - own).exp().mean()


def jsd(scores: Tensor) -> Tensor:
    """The Jensen-Shannon bound of f-GANs, 2 JSD(joint || product) - 2 log 2 at its optimum.

    Shapes: scores [B, B], pairs on the diagonal, B >= 2; a scalar comes back.
    Value: -2 log 2 for f = 0, never above 0; NOT an estimate of mutual information, but its best
    critic is f = log p(y | x) / p(y), which the readouts turn into nats. DIM adds 2 log 2.
    Raises ValueError for scores of another shape or kind.
    Source: Nowozin et al. (2016); Hjelm et al. (2019).
    """
    s = _square(scores)
    return _jsd(s.diagonal(), _others(s))


def smile(scores: Tensor, *, clip: float) -> Tensor:
    """SMILE: the value of `dv` with e^S clipped to e^-clip..e^clip off the diagonal, in nats.

    The gradient is that of `jsd` whatever the clip, which changes only what is reported.
    Shapes: scores [B, B], pairs on the diagonal, B >= 2; a scalar comes back.
    Value: 0 for f = 0; no bound, it can lie above the truth. clip = inf is dv's value.
    Raises ValueError for clip <= 0 or NaN, and scores of another shape or kind.
    Source: Song & Ermon (2020).
    """
    clip = clip if clip == math.inf else positive("clip", clip)
    s = _square(scores)
    joint, others = s.diagonal(), _others(s)
    value = joint.detach().mean() - _log_mean_exp(others.detach().clamp(-clip, clip))
    trained = _jsd(joint, others)
    return trained + (value - trained).detach()


def jsd_readout_nwj(scores: Tensor) -> Tensor:
    """Nats from a critic trained by `jsd`, through `nwj`: it wants the log ratio plus 1.

    Shapes: scores [B, B], pairs on the diagonal, B >= 2; a scalar comes back.
    Value: 0 for f = 0; unbiased with the best critic, where `nwj(scores)`, as published code
    has it, is I - 1 / e.
    Raises ValueError for scores of another shape or kind.
    Source: Poole et al. (2019) (I_JS).
    """
    return tuba(scores, 0.0)  # nwj(scores + 1): E[S + 1] - P[e^S]


def jsd_readout_dv(scores: Tensor) -> Tensor:
    """Nats from a critic trained by `jsd`, through `dv`, which no constant shifts.

    Shapes: scores [B, B], pairs on the diagonal, B >= 2; a scalar comes back.
    Value: 0 for f = 0; the same as the value of `smile` with clip = inf.
    Raises ValueError for scores of another shape or kind.
    Source: Song & Ermon (2020).
    """
    return dv(scores)


def _square(scores: Tensor) -> Tensor:
    """`scores` in float32 or float64; ValueError unless they are [B, B], B >= 2, floating."""
    if scores.dim() != 2 or scores.shape[0] != scores.shape[1] or len(scores) < 2:
        raise ValueError(
            f"scores must be [B, B] with B >= 2, pairs on the diagonal, got {list(scores.shape)}"
        )
    _floating("scores", scores)
    return wide(scores)


def _floating(name: str, x: Tensor) -> None:
    if not torch.is_floating_point(x):
        raise ValueError(f"{name} must be floating point, got {x.dtype}")


def _baseline(log_baseline: Tensor | float, s: Tensor) -> Tensor:
    """The logarithm of every row's baseline: [B]."""
    given = torch.as_tensor(log_baseline, dtype=s.dtype, device=s.device)
    if given.dim() and given.shape != s.shape[:1]:
        raise ValueError(
            f"log_baseline must be a number or [{len(s)}], one for each row of scores, "
            f"got {list(given.shape)}"
        )
    return given.expand(len(s))


def _others(s: Tensor) -> Tensor:
    """What is off the diagonal of [B, B], row by row: [B, B - 1]. No mask, so no infinities."""
    b = len(s)
    return s.flatten()[1:].view(b - 1, b + 1)[:, :-1].reshape(b, b - 1)


def _jsd(joint: Tensor, others: Tensor) -> Tensor:
    return -F.softplus(-joint).mean() - F.softplus(others).mean()


def _log_mean_exp(x: Tensor) -> Tensor:
    return x.flatten().logsumexp(0) - math.log(x.numel())


def _leave_one_out(s: Tensor, given: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """log(alpha * mean of the row's e^S without entry j + (1 - alpha) e^given) for every j [B, B],
    and the log mean without the positive [B]; given [B, 1].

    An entry's share is taken from the row's sum. That is exact for all but the largest entry, as
    theirs is at most a half; without the largest the sum is taken anew.
    """
    count, best = math.log(len(s) - 1), s.argmax(1, keepdim=True)  # [B, 1]
    largest = torch.arange(len(s), device=s.device) == best  # [B, B]
    rest = s.masked_fill(largest, -math.inf).logsumexp(1, keepdim=True) - count  # [B, 1]
    total = torch.logaddexp(rest, s.gather(1, best) - count)  # [B, 1]
    first = largest.diagonal()  # [B], rows whose positive is the largest
    share = (s.diagonal() - count - total[:, 0]).masked_fill(first, -1.0)  # replaced below
    negatives = torch.where(first, rest[:, 0], total[:, 0] + torch.log1p(-share.exp()))
    full = _mix(total, given, alpha)  # [B, 1]
    scale = math.log(alpha) if alpha else -math.inf
    shares = (s + (scale - count - full)).masked_fill(largest, -1.0)  # replaced below
    log_a = full + torch.log1p(-shares.exp())
    return torch.where(largest, _mix(rest, given, alpha), log_a), negatives


def _mix(log_a: Tensor, log_b: Tensor, alpha: float) -> Tensor:
    """log(alpha a + (1 - alpha) b)."""
    if alpha in (0, 1):
        return log_a if alpha else log_b
    return torch.logaddexp(log_a + math.log(alpha), log_b + math.log1p(-alpha))
