"""Lab 03, Learning by contrast: the five exercises and the mistakes their checks recognise."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit import losses
from labkit.evaluation.hardness import effective_number, negative_weights
from labkit.evaluation.theory import collision_probability
from labkit.exercises.check import Exercise


def _draw(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _views() -> Sequence[tuple[Any, ...]]:
    """The two views of a picture in neighbouring rows, [2B, D], and a temperature."""
    g = torch.Generator().manual_seed(0)
    return [(_draw(g, 2 * b, d), t) for b, d, t in ((4, 3, 0.5), (6, 5, 0.2))]


def _neighbours(z: Tensor) -> Tensor:
    """0 and 1 are partners, 2 and 3, and so on."""
    return torch.arange(len(z)) ^ 1


def _loss(
    z: Tensor,
    scale: float,
    *,
    unit: bool = True,
    mask: float = -math.inf,
    partner: Tensor | None = None,
) -> Tensor:
    """NT-Xent, [2B]; `mask` is what stands on the diagonal, nan: the score itself."""
    z = F.normalize(z, dim=1) if unit else z
    scores = scale * (z @ z.T)
    if not math.isnan(mask):
        scores = scores.masked_fill(torch.eye(len(z), dtype=torch.bool), mask)
    other = _neighbours(z) if partner is None else partner
    return F.cross_entropy(scores, other, reduction="none")


def _without_positive(z: Tensor, t: float) -> Tensor:
    z = F.normalize(z, dim=1)
    rows, other = torch.arange(len(z)), _neighbours(z)
    scores = z @ z.T / t
    near = scores[rows, other]
    scores = scores.clone()
    scores[rows, rows] = scores[rows, other] = -math.inf
    return (scores.logsumexp(1) - near).mean()


nt_xent = Exercise(
    "NT-Xent",
    lambda z, t: losses.nt_xent(z[0::2], z[1::2], temperature=t),
    _views,
    {
        "each view is compared with itself too: its cosine is 1, always the largest. Set the "
        "diagonal to -inf.": lambda z, t: _loss(z, 1 / t, mask=math.nan).mean(),
        "a diagonal of 0 is an ordinary score: exp(0) = 1 stays in the sum. Use -inf.": (
            lambda z, t: _loss(z, 1 / t, mask=0.0).mean()
        ),
        "the target is the masked diagonal, row i itself, hence infinity: aim at its partner.": (
            lambda z, t: _loss(z, 1 / t, partner=torch.arange(len(z))).mean()
        ),
        "the partner is B rows away in section 4; here it is the neighbour.": lambda z, t: _loss(
            z, 1 / t, partner=torch.arange(len(z)).roll(len(z) // 2)
        ).mean(),
        "not always the next row: 0's partner is 1, and 1's is 0.": lambda z, t: _loss(
            z, 1 / t, partner=torch.arange(len(z)).roll(-1)
        ).mean(),
        "the embeddings are not of length 1: divide each by its length first.": lambda z, t: _loss(
            z, 1 / t, unit=False
        ).mean(),
        "the cosines are divided by T, not multiplied.": lambda z, t: _loss(z, t).mean(),
        "the temperature is missing.": lambda z, t: _loss(z, 1.0).mean(),
        "you summed over the 2B views: average.": lambda z, t: _loss(z, 1 / t).sum(),
        "you divided the sum over 2B views by B: there are 2B of them.": lambda z, t: (
            2 * _loss(z, 1 / t).mean()
        ),
        "that compares first with second views only, B - 1 negatives. NT-Xent takes all 2B views "
        "as anchors and the other 2B - 2 as negatives.": lambda z, t: losses.info_nce(
            z[0::2], z[1::2], temperature=t
        ),
        "only the first views are anchors: the second ones are too.": lambda z, t: _loss(z, 1 / t)[
            0::2
        ].mean(),
        "the positive is missing from the sum in the denominator.": _without_positive,
    },
    "correct: log(2B - 1) at chance, whatever the temperature.",
)


def _cosines() -> Sequence[tuple[Any, ...]]:
    g = torch.Generator().manual_seed(1)
    return [(_draw(g, 3, 8).tanh(), 0.2), (_draw(g, 2, 20).tanh(), 0.7)]


def _perplexity(w: Tensor) -> Tensor:
    return (-(w * w.log()).sum(1)).exp()


effective = Exercise(
    "negatives that count",
    lambda s, t: effective_number(negative_weights(s, t)),
    _cosines,
    {
        "without the square the sum of the weights is 1 in every row.": lambda s, t: (
            1 / negative_weights(s, t).sum(1)
        ),
        "that is the sum of the squares; the number that counts is 1 divided by it.": (
            lambda s, t: negative_weights(s, t).square().sum(1)
        ),
        "the temperature is missing in the softmax.": lambda s, t: effective_number(s.softmax(1)),
        "the cosines are divided by T, not multiplied.": lambda s, t: effective_number(
            (s * t).softmax(1)
        ),
        "the weights must sum to 1 in each row: a softmax, not only exp.": lambda s, t: (
            1 / (s / t).exp().square().sum(1)
        ),
        "the softmax runs down the columns: a row holds one anchor's negatives.": lambda s, t: (
            1 / (s / t).softmax(0).square().sum(1)
        ),
        "that is exp(entropy), another way to count; here the weights are squared.": (
            lambda s, t: _perplexity(negative_weights(s, t))
        ),
        "that looks at the largest weight alone: square all of them.": lambda s, t: (
            1 / negative_weights(s, t).max(1).values
        ),
        "average over nothing: one number for each anchor, [B].": lambda s, t: effective_number(
            negative_weights(s, t)
        ).mean(),
    },
    "correct: 1 when one negative drowns all others, K when all are heard alike.",
)


def _sizes() -> Sequence[tuple[Any, ...]]:
    return [(4, 0.5), (64, 0.1), (16, 1.0)]


def _number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


floor = Exercise(
    "the floor",
    lambda b, t: _number(math.log1p((2 * b - 2) * math.exp(-1 / t))),
    _sizes,
    {
        "that is the value at chance: here the positive has cosine 1 and the rest 0.": (
            lambda b, t: _number(math.log(2 * b - 1))
        ),
        "a view has 2B - 2 negatives, both views of the B - 1 other pictures.": lambda b, t: (
            _number(math.log1p((b - 1) * math.exp(-1 / t)))
        ),
        "2B - 1 would count the positive twice: it is the 1 under the logarithm.": lambda b, t: (
            _number(math.log1p((2 * b - 1) * math.exp(-1 / t)))
        ),
        "2B would count the anchor itself and the positive among the negatives.": lambda b, t: (
            _number(math.log1p(2 * b * math.exp(-1 / t)))
        ),
        "the positive's score is 1 / T, not T.": lambda b, t: _number(
            math.log1p((2 * b - 2) * math.exp(-t))
        ),
        "the temperature is missing: the positive's score is 1 / T.": lambda b, t: _number(
            math.log1p((2 * b - 2) * math.exp(-1))
        ),
        "not 0: the negatives have cosine 0, but exp(0) = 1 for each of them in the sum.": (
            lambda b, t: _number(0.0)
        ),
        "the sign is turned: the loss is above 0.": lambda b, t: _number(
            -math.log1p((2 * b - 2) * math.exp(-1 / t))
        ),
        "the positive itself belongs in the sum: log(1 + ...).": lambda b, t: _number(
            math.log((2 * b - 2) * math.exp(-1 / t))
        ),
    },
    "correct: the loss need not reach 0, and a low temperature lets it come near.",
)


def _chances() -> Sequence[tuple[Any, ...]]:
    return [(10, 0.5), (100, 0.5), (20, 0.9)]


def _enough(c: int, p: float) -> Tensor:
    k = 1
    while collision_probability(c, k) < p:
        k += 1
    return _number(k)


def _exactly(c: int, p: float) -> float:
    """The K, not rounded, at which the chance of a collision is p."""
    return math.log(1 - p) / math.log(1 - 1 / c)


collisions = Exercise(
    "class collisions",
    _enough,
    _chances,
    {
        "K / C counts a draw with two collisions twice, so p C is too few.": lambda c, p: _number(
            math.ceil(p * c - 1e-9)
        ),
        "1 - exp(-K / C) is only near the chance, for many classes: use 1 - (1 - 1/C)^K.": (
            lambda c, p: _number(math.ceil(-c * math.log(1 - p)))
        ),
        "K is a whole number: round up.": lambda c, p: _number(_exactly(c, p)),
        "rounded down, the chance is still below p: round up.": lambda c, p: _number(
            math.floor(_exactly(c, p))
        ),
        "that is the first K at which the chance of *no* collision is at most p: take p from 1.": (
            lambda c, p: _number(math.ceil(_exactly(c, 1 - p)))
        ),
        "that asks that all K collide: at least one is asked for.": lambda c, p: _number(
            math.ceil(math.log(p) / math.log(1 / c))
        ),
        "that is the chance at K = 1, 1 / C; K is asked for.": lambda c, p: _number(1 / c),
    },
    "correct: with ten classes, seven negatives are enough for an even chance.",
)


def _triplets() -> Sequence[tuple[Any, ...]]:
    g = torch.Generator().manual_seed(2)
    return [tuple(_draw(g, b, 4) for _ in range(3)) for b in (5, 8)]


def _gap(a: Tensor, p: Tensor, n: Tensor, power: int = 1) -> Tensor:
    return (a - p).norm(dim=1) ** power - (a - n).norm(dim=1) ** power


triplet = Exercise(
    "the triplet loss",
    losses.triplet,
    _triplets,
    {
        "that is the paper's form, 2 d_+^2: its code, and this lab, leave the 2 out.": (
            lambda a, p, n: 2 * losses.triplet(a, p, n)
        ),
        "the share d_+ is squared before the mean.": lambda a, p, n: _gap(a, p, n).sigmoid().mean(),
        "the mean comes after the square.": lambda a, p, n: _gap(a, p, n).sigmoid().mean().square(),
        "positive and negative have changed places: that loss drives views apart.": (
            lambda a, p, n: losses.triplet(a, n, p)
        ),
        "the distances are not squared.": lambda a, p, n: (
            _gap(a, p, n, power=2).sigmoid().square().mean()
        ),
        "that is the margin form with m = 1; the ratio form has no margin.": lambda a, p, n: (
            losses.triplet_margin(a, p, n)
        ),
        "one distance for the whole batch: norm(dim=1) gives one for each row.": lambda a, p, n: (
            ((a - p).norm() - (a - n).norm()).sigmoid().square()
        ),
        "the embeddings are not normalised here.": lambda a, p, n: losses.triplet(
            *(F.normalize(z, dim=1) for z in (a, p, n))
        ),
        "you summed over the triplets: average.": lambda a, p, n: (
            _gap(a, p, n).sigmoid().square().sum()
        ),
    },
    "correct: 1/4 when both are as far, and the gradient never quite stops.",
)

EXERCISES = (nt_xent, effective, floor, collisions, triplet)
