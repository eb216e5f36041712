"""Lab 09, CLIP-Lite: the exercises and the mistakes their checks recognise."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Binomial

from labkit import evaluation, losses
from labkit.exercises.check import Exercise


def _pairs(*more: tuple[Any, ...]) -> Sequence[tuple[Any, ...]]:
    """Image and text [B, D], not of length 1, and what else an exercise takes."""
    draw = torch.Generator().manual_seed(0)  # float64: rounding must not confuse
    both = torch.randn(len(more), 2, 6, 4, generator=draw, dtype=torch.float64)
    return [(2 * x, x + y, *each) for (x, y), each in zip(both, more, strict=True)]


def _cosines(image: Tensor, text: Tensor) -> Tensor:
    return F.normalize(image, dim=1) @ F.normalize(text, dim=1).T


def _rows(scores: Tensor) -> Tensor:
    return F.cross_entropy(scores, torch.arange(len(scores)))


def _clip(image: Tensor, text: Tensor, scale: float) -> Tensor:
    return losses.clip(image, text, scale=scale)


clip = Exercise(
    "the CLIP loss",
    _clip,
    lambda: _pairs((3.0,), (0.5,)),
    {
        "only the rows: each caption must find its picture, too.": lambda x, y, s: _rows(
            s * _cosines(x, y)
        ),
        "only the columns: each picture must find its caption, too.": lambda x, y, s: _rows(
            s * _cosines(y, x)
        ),
        "both directions are added: take the mean of the two.": lambda x, y, s: 2 * _clip(x, y, s),
        "you divided by the scale: it is 1 / temperature, so multiply.": lambda x, y, s: _clip(
            x, y, 1 / s
        ),
        "the scale is missing.": lambda x, y, s: _clip(x, y, 1.0),
        "the embeddings are not normalised: a score is scale times a cosine.": lambda x, y, s: (
            (_rows(s * x @ y.T) + _rows(s * y @ x.T)) / 2
        ),
        "the batch is added up: take the mean over it.": lambda x, y, s: len(x) * _clip(x, y, s),
        "the sign is turned: a high score of the own pair must be cheap.": lambda x, y, s: _clip(
            -x, y, s
        ),
    },
    "correct: a choice among B captions, and one among B pictures.",
)


def _siglip(image: Tensor, text: Tensor, scale: float, bias: float) -> Tensor:
    return losses.siglip(image, text, scale=scale, bias=bias)


siglip = Exercise(
    "the SigLIP loss",
    _siglip,
    lambda: _pairs((3.0, -1.5), (0.5, 0.7)),
    {
        "this is the mean over all B x B pairs: sum them and divide by B.": lambda x, y, s, b: (
            _siglip(x, y, s, b) / len(x)
        ),
        "the sum over all pairs is not divided by B.": lambda x, y, s, b: (
            _siglip(x, y, s, b) * len(x)
        ),
        "the bias has the wrong sign: it is added, and negative in practice.": lambda x, y, s, b: (
            _siglip(x, y, s, -b)
        ),
        "the bias is missing.": lambda x, y, s, b: _siglip(x, y, s, 0.0),
        "the scale multiplies the bias, too: it multiplies the cosine alone.": lambda x, y, s, b: (
            _siglip(x, y, s, s * b)
        ),
        "the signs are turned: own pairs pay softplus(-T), all others softplus(T).": (
            lambda x, y, s, b: _siglip(-x, y, s, -b)
        ),
        "all pairs are taken for own ones: off the diagonal the answer is no.": (
            lambda x, y, s, b: F.softplus(-s * _cosines(x, y) - b).sum() / len(x)
        ),
        "the wrong pairs are averaged: here all B - 1 of them count in full.": (
            lambda x, y, s, b: _halves(s * _cosines(x, y) + b)
        ),
        "this is the sum of log sigmoid: the loss is minus that.": lambda x, y, s, b: (
            -_siglip(x, y, s, b)
        ),
    },
    "correct: B x B questions, each answered on its own.",
)


def _halves(scores: Tensor) -> Tensor:
    own = torch.eye(len(scores), dtype=torch.bool)
    return F.softplus(-scores[own]).mean() + F.softplus(scores[~own]).mean()


def _lite(image: Tensor, text: Tensor, scale: float, k: int) -> Tensor:
    return losses.clip_lite(image, text, scale=scale, negatives=k)


def _rolled(image: Tensor, text: Tensor, scale: float, rolls: Sequence[int]) -> Tensor:
    """Scores [len(rolls), B] of image i and caption i + roll."""
    cosines, own = _cosines(image, text), torch.arange(len(image))
    return scale * torch.stack([cosines[own, (own + k) % len(own)] for k in rolls])


def _paid(image: Tensor, text: Tensor, scale: float, rolls: Sequence[int]) -> tuple[Tensor, Tensor]:
    """What own pairs pay on average [], and each of the rolled ones [len(rolls), B]."""
    own = F.softplus(-_rolled(image, text, scale, [0])).mean()
    return own, F.softplus(_rolled(image, text, scale, rolls))


def _with_itself(x: Tensor, y: Tensor, s: float, k: int) -> Tensor:
    own, others = _paid(x, y, s, range(k))
    return own + others.mean()


def _before(x: Tensor, y: Tensor, s: float, k: int) -> Tensor:
    own, others = _paid(x, y, s, [-n for n in range(1, k + 1)])
    return own + others.mean()


def _kth(x: Tensor, y: Tensor, s: float, k: int) -> Tensor:
    own, others = _paid(x, y, s, [k])
    return own + others.mean()


def _summed(x: Tensor, y: Tensor, s: float, k: int) -> Tensor:
    own, others = _paid(x, y, s, range(1, k + 1))
    return own + others.mean(1).sum()


def _one_mean(x: Tensor, y: Tensor, s: float, k: int) -> Tensor:
    own, others = _paid(x, y, s, range(1, k + 1))
    return (own + others.mean(1).sum()) / (k + 1)


clip_lite = Exercise(
    "the CLIP-Lite loss",
    _lite,
    lambda: _pairs((3.0, 1), (0.5, 2), (2.0, 4)),
    {
        "the negatives hold the pair itself: roll by 1 .. K, not by 0 .. K - 1.": _with_itself,
        "the K negatives are added up: average them, so that K does not move the balance.": _summed,
        "own pairs and negatives share one mean: each side has a mean of its own.": _one_mean,
        "the captions are rolled by K only: K negatives are rolls by 1, 2, .. K.": _kth,
        "there is one negative whatever K: roll by 1, 2, .. K.": lambda x, y, s, k: _lite(
            x, y, s, 1
        ),
        "all other captions are negatives whatever K.": lambda x, y, s, k: _lite(
            x, y, s, len(x) - 1
        ),
        "these are the captions before: as good, but the authors take the next ones, "
        "text.roll(-k, 0).": _before,
        "the signs are turned: own pairs pay softplus(-T), so that a high score is cheap.": (
            lambda x, y, s, k: _lite(-x, y, s, k)
        ),
        "this is the sum of log sigmoids, the bound: the loss is minus that.": (
            lambda x, y, s, k: -_lite(x, y, s, k)
        ),
        "2 log 2 is taken off, as in lab 07: CLIP-Lite's authors leave it in.": (
            lambda x, y, s, k: _lite(x, y, s, k) - 2 * math.log(2)
        ),
        "you divided by the scale: it is 1 / temperature, so multiply.": lambda x, y, s, k: _lite(
            x, y, 1 / s, k
        ),
        "the scale is missing.": lambda x, y, s, k: _lite(x, y, 1.0, k),
    },
    "correct: two diagonals for K = 1; 2 log 2 for scores that are all 0.",
)


def _floor(batch: int, classes: int) -> Tensor:
    return torch.tensor(evaluation.clip_floor(batch, classes), dtype=torch.float64)


def _mean_log(count: int, chance: float) -> Tensor:
    """E log(1 + M) for M of Binomial(count, chance)."""
    drawn = torch.arange(count + 1, dtype=torch.float64)
    p = Binomial(count, torch.tensor(chance, dtype=torch.float64)).log_prob(drawn).exp()
    return (p * drawn.log1p()).sum()


def _number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


floor = Exercise(
    "the floor of CLIP",
    _floor,
    lambda: [(16, 10), (2, 5), (40, 3)],
    {
        "this is log(1 + E M): the mean of a logarithm is less than the logarithm of the mean.": (
            lambda b, c: _number(math.log1p((b - 1) / c))
        ),
        "this is log B - log C, what large batches come close to; the floor is above 0 at any B.": (
            lambda b, c: _number(math.log(b) - math.log(c))
        ),
        "this is chance: the class can be known, so only captions of the same class compete.": (
            lambda b, c: _number(math.log(b))
        ),
        "this is what is read out in nats, log B - floor; asked is the floor.": lambda b, c: (
            math.log(b) - _floor(b, c)
        ),
        "M counts the B - 1 others, not all B.": lambda b, c: _mean_log(b, 1 / c),
        "M counts captions of other classes here: those of the same class are the rivals, with "
        "probability 1 / C each.": lambda b, c: _mean_log(b - 1, 1 - 1 / c),
        "the own caption is forgotten: of 1 + M equal ones each gets 1 / (1 + M).": lambda b, c: (
            _mean_log(b - 1, 1 / c) - _one_more(b - 1, 1 / c)
        ),
        "two directions, but the loss is their mean: do not add them.": lambda b, c: (
            2 * _floor(b, c)
        ),
    },
    "correct: a loss that stops there has nothing left to learn.",
)


def _one_more(count: int, chance: float) -> Tensor:
    """What E log(1 + M) has above E log M, where log 0 is taken as 0."""
    drawn = torch.arange(count + 1, dtype=torch.float64)
    p = Binomial(count, torch.tensor(chance, dtype=torch.float64)).log_prob(drawn).exp()
    return (p * (drawn.log1p() - drawn.clamp_min(1).log())).sum()


EXERCISES = (clip, siglip, clip_lite, floor)
