"""Every bound of a separable critic in one pass, a block of rows at a time: quick enough to drag.

The definitions stand in `labkit.losses.mutual_information`, which each value here equals. There a
bound is one function of the [B, B] scores; six of them pass over 16 million scores thirty times
at B = 4096. Here a block stays in the processor's cache while all six take what they need of it.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.data.gaussians import information_of
from labkit.errors import between, positive

BLOCK = 2**17  # scores at a time: half a megabyte
BOUNDS = ("InfoNCE", "I_alpha", "NWJ", "DV", "SMILE", "JSD")
_Rows = dict[str, Tensor]


def optimal_factors(x: Tensor, y: Tensor, rho: float) -> tuple[Tensor, Tensor]:
    """u, v with u_i . v_j = log p(y_j | x_i) / p(y_j): the perfect critic is separable.

    x, y: [..., B, D] with correlation -1 < rho < 1 in each coordinate; u, v [..., B, D + 2].
    """
    scale = 1 / (2 * (1 - rho**2))
    one = torch.ones_like(x[..., :1])
    truth = information_of(rho, x.shape[-1])
    of_x = truth - rho**2 * scale * x.square().sum(-1, keepdim=True)
    of_y = -(rho**2) * scale * y.square().sum(-1, keepdim=True)
    return torch.cat([2 * rho * scale * x, of_x, one], -1), torch.cat([y, one, of_y], -1)


def bounds(
    u: Tensor, v: Tensor, *, temperature: float = 1.0, clip: float = 5.0, alpha: float = 0.5
) -> dict[str, Tensor]:
    """The six bounds of the scores u v^T / temperature for M batches: name -> nats, float64 [M].

    u, v: [M, B, E], B >= 2, joint pairs in the same row. "NWJ" reads the scores plus 1, as its
    best critic is; "I_alpha" has the baseline 1; JSD is no estimate of nats. Raises
    ValueError for temperature <= 0, clip outside 0..80, alpha outside 0..1 and other shapes.
    """
    if u.dim() != 3 or u.shape != v.shape or u.shape[1] < 2:
        raise ValueError(f"u and v must be [M, B, E] alike, got {list(u.shape)}, {list(v.shape)}")
    positive("clip", between("clip", clip, 0, 80))
    alpha, u = between("alpha", alpha, 0, 1), u / positive("temperature", temperature)
    batches, b, _ = u.shape
    rows, whole = max(1, min(b, BLOCK // b)), max(1, BLOCK // b**2)
    found = [
        _block(u[m : m + whole, i : i + rows], v[m : m + whole], i, clip, alpha)
        for m in range(0, batches, whole)
        for i in range(0, b, rows)
    ]
    every = {name: torch.cat([rows[name] for rows in found]) for name in found[0]}
    return _means({name: value.view(batches, b).double() for name, value in every.items()}, alpha)


def _block(u: Tensor, v: Tensor, first: int, clip: float, alpha: float) -> _Rows:
    """What the bounds need of each row [M R]; u [M, R, E] are the rows from `first`."""
    s = u @ v.transpose(1, 2)  # [M, R, B]
    diagonal = s.diagonal(first, dim1=1, dim2=2)
    joint = diagonal.clone()  # [M, R]
    diagonal.fill_(-math.inf)  # to subtract a positive from a sum would cost its digits
    top = s.amax(2)
    weights = (s - top[..., None]).exp_()
    found = {
        "joint": joint,
        "others": top + weights.sum(2).log(),  # log sum e^S off the diagonal
        "jsd": F.softplus(s).sum(2),
        "left out": _left_out(weights, top, joint, alpha),
    }
    found["clipped"] = s.clamp_(-clip, clip).exp_().sum(2) - math.exp(-clip)
    return {name: value.flatten() for name, value in found.items()}


def _left_out(weights: Tensor, top: Tensor, joint: Tensor, alpha: float) -> Tensor:
    """Mean over j of log(alpha mean_(k != j) e^S_k + 1 - alpha) of each row, [M, R].

    Consumes weights = e^(S - top) [M, R, B], 0 for the positive, whose score is `joint`. A sum
    without its largest part is taken anew: the difference would lose its digits.
    """
    n = weights.shape[2] - 1
    high = torch.maximum(top, joint).clamp_min(-80.0)
    best = weights.argmax(2, keepdim=True)
    shrink, own = (top - high).exp(), (joint - high).exp()  # [M, R]
    total = weights.sum(2) * shrink + own
    rest = weights.scatter(2, best, 0.0).sum(2) * shrink + own
    floor = (1 - alpha) * (-high).exp()
    terms = weights.mul_(-alpha / n * shrink[..., None])
    terms = terms.add_((alpha / n * total + floor)[..., None]).clamp_min_(1e-37).log_()
    at_best = terms.gather(2, best).squeeze(2)
    positives = (alpha / n * total + floor).log()  # the entry of the positive itself: no term
    exact = (alpha / n * rest + floor).log()
    return high + (terms.sum(2) - at_best - positives + exact) / n


def _means(rows: _Rows, alpha: float) -> dict[str, Tensor]:
    """Bounds [M] from what was kept of each row [M, B]."""
    b = rows["joint"].shape[1]
    joint, others = rows["joint"].mean(1), rows["others"]
    partition = others.logsumexp(1) - math.log(b * (b - 1))
    smile = (rows["clipped"].mean(1) / (b - 1)).log()
    mean = others - math.log(b - 1)
    marginal = 1 / (alpha + (1 - alpha) * (-mean).exp())
    jsd = -F.softplus(-rows["joint"]).mean(1) - rows["jsd"].mean(1) / (b - 1)
    info_nce = math.log(b) + (rows["joint"] - torch.logaddexp(rows["joint"], others)).mean(1)
    between = 1 + (rows["joint"] - rows["left out"] - marginal).mean(1)
    nwj = 1 + joint - partition.exp()
    values = (info_nce, between, nwj, joint - partition, joint - smile, jsd)
    return dict(zip(BOUNDS, values, strict=True))
