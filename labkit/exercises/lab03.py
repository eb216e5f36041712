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
    g = torch.Generator().manual_seed(0)
    return [(_draw(g, b, d), _draw(g, b, d), t) for b, d, t in ((4, 3, 0.5), (6, 5, 0.2))]


def _loss(
    z1: Tensor, z2: Tensor, scale: float, *, unit: bool = True, mask: float = -math.inf
) -> Tensor:
    """NT-Xent, [2B]; `mask` is what stands on the diagonal, None the score itself."""
    z = torch.cat([z1, z2])
    z = F.normalize(z, dim=1) if unit else z
    scores = scale * (z @ z.T)
    if not math.isnan(mask):
        scores = scores.masked_fill(torch.eye(len(z), dtype=torch.bool), mask)
    other = torch.arange(len(z)).roll(len(z1))
    return F.cross_entropy(scores, other, reduction="none")


def _without_positive(z1: Tensor, z2: Tensor, t: float) -> Tensor:
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    rows = torch.arange(len(z))
    scores, other = z @ z.T / t, rows.roll(len(z1))
    near = scores[rows, other]
    scores = scores.clone()
    scores[rows, rows] = scores[rows, other] = -math.inf
    return (scores.logsumexp(1) - near).mean()


nt_xent = Exercise(
    "NT-Xent",
    lambda a, b, t: losses.nt_xent(a, b, temperature=t),
    _views,
    {
        "each view is compared with itself too: its cosine is 1, always the largest. Set the "
        "diagonal to -inf.": lambda a, b, t: _loss(a, b, 1 / t, mask=math.nan).mean(),
        "a diagonal of 0 is an ordinary score: exp(0) = 1 stays in the sum. Use -inf.": (
            lambda a, b, t: _loss(a, b, 1 / t, mask=0.0).mean()
        ),
        "the embeddings are not of length 1: divide each by its length first.": lambda a, b, t: (
            _loss(a, b, 1 / t, unit=False).mean()
        ),
        "the cosines are divided by T, not multiplied.": lambda a, b, t: _loss(a, b, t).mean(),
        "the temperature is missing.": lambda a, b, t: _loss(a, b, 1.0).mean(),
        "you summed over the 2B views: average.": lambda a, b, t: _loss(a, b, 1 / t).sum(),
        "you divided the sum over 2B views by B: there are 2B of them.": lambda a, b, t: (
            2 * _loss(a, b, 1 / t).mean()
        ),
        "that compares first with second views only, B - 1 negatives. NT-Xent takes all 2B views "
        "as anchors and the other 2B - 2 as negatives.": lambda a, b, t: losses.info_nce(
            a, b, temperature=t
        ),
        "only the first views are anchors: the second ones are too.": lambda a, b, t: _loss(
            a, b, 1 / t
        )[: len(a)].mean(),
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
        "the sign is turned: the loss is above 0.": lambda b, t: _number(
            -math.log1p((2 * b - 2) * math.exp(-1 / t))
        ),
        "the positive itself belongs in the sum: log(1 + ...).": lambda b, t: _number(
            math.log((2 * b - 2) * math.exp(-1 / t))
        ),
    },
    "correct: the loss need not reach 0, and a low temperature lets it come near.",
)


def _classes() -> Sequence[tuple[Any, ...]]:
    return [(10, 1), (100, 126), (20, 8)]


collisions = Exercise(
    "class collisions",
    lambda c, k: _number(collision_probability(c, k)),
    _classes,
    {
        "K / C counts a draw with two collisions twice, and exceeds 1 for many negatives.": (
            lambda c, k: _number(k / c)
        ),
        "that is the chance that no negative collides: take it from 1.": lambda c, k: _number(
            (1 - 1 / c) ** k
        ),
        "that is the chance that all K collide: at least one is asked for.": lambda c, k: _number(
            (1 / c) ** k
        ),
        "that is the chance that not all of them collide. Begin with: none does.": (
            lambda c, k: _number(1 - (1 / c) ** k)
        ),
        "C and K have changed places.": lambda c, k: _number(1 - (1 - 1 / k) ** c),
        "that is the chance of one negative; there are K.": lambda c, k: _number(1 / c),
    },
    "correct: with ten classes and a batch of 64, a collision is all but certain.",
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
