"""Lab 04, CKD: the exercises and the mistakes their checks recognise."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit import losses
from labkit.exercises.check import Exercise


def _logits() -> Sequence[tuple[Any, ...]]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:  # float64: rounding must not confuse
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return [(2 * draw(b, c) + 1, 3 * draw(b, c), t) for b, c, t in ((5, 8, 1.0), (7, 4, 0.5))]


def _unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=1)


def _rows(scores: Tensor) -> Tensor:
    return F.cross_entropy(scores, torch.arange(len(scores)))


def _twice(s: Tensor, t: Tensor, tau: float) -> Tensor:
    return _rows((_unit(t) @ _unit(s).T / tau).softmax(1))


def _without_positive(s: Tensor, t: Tensor, tau: float) -> Tensor:
    scores = _unit(t) @ _unit(s).T / tau
    others = scores.masked_fill(torch.eye(len(s), dtype=torch.bool), -torch.inf)
    return (others.logsumexp(1) - scores.diagonal()).mean()


ckd = Exercise(
    "the CKD loss",
    lambda s, t, tau: losses.ckd(s, t, temperature=tau),
    _logits,
    {
        "the logits are not normalised: divide each row by its length first, so that the products "
        "are cosines.": lambda s, t, tau: _rows(t @ s.T / tau),
        "two things: the logits are not normalised, and the rows are the student's; the matrix is "
        "t s^T of rows of length 1.": lambda s, t, tau: _rows(s @ t.T / tau),
        "you normalised along the batch: each example's logits (dim=1) get the length 1.": (
            lambda s, t, tau: _rows(F.normalize(t, dim=0) @ F.normalize(s, dim=0).T / tau)
        ),
        "the rows are the student's: teacher i looks for its student among all students, so the "
        "matrix is t s^T.": lambda s, t, tau: _rows(_unit(s) @ _unit(t).T / tau),
        "these are cosines of probabilities: normalise the logits themselves, without a softmax.": (
            lambda s, t, tau: _rows(_unit(t.softmax(1)) @ _unit(s.softmax(1)).T / tau)
        ),
        "you multiplied by the temperature: it divides.": lambda s, t, tau: _rows(
            _unit(t) @ _unit(s).T * tau
        ),
        "softmax twice: F.cross_entropy takes the scores and does the softmax itself.": _twice,
        "this is the mean of both directions: CKD has one, each teacher looks for its student.": (
            lambda s, t, tau: losses.ckd(s, t, temperature=tau, symmetric=True)
        ),
        "the temperature is missing.": lambda s, t, tau: _rows(_unit(t) @ _unit(s).T),
        "the positive is missing below the line: the softmax runs over the whole row, the "
        "diagonal included.": _without_positive,
        "you summed over the batch: average over the examples.": lambda s, t, tau: (
            len(s) * _rows(_unit(t) @ _unit(s).T / tau)
        ),
        "the negatives are (s_i, s_j): the code that the results come from uses (t_i, s_j).": (
            lambda s, t, tau: losses.ckd(s, t, temperature=tau, pairs="student-student")
        ),
    },
    "correct: each teacher finds its own student among those of the batch.",
)


def _number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _floor(batch: int, tau: float, gap: float) -> Tensor:
    return _number(math.log1p((batch - 1) * math.exp(-gap / tau)))


floor = Exercise(
    "the least possible loss",
    lambda batch, tau: _number(losses.ckd_band(batch, temperature=tau)[0]),
    lambda: [(64, 1.0), (8, 0.5), (5, 2.0)],
    {
        "not all negatives can be at cosine -1: B vectors cannot all be opposite to each other.": (
            lambda batch, tau: _floor(batch, tau, 2.0)
        ),
        "negatives at cosine 0 are not the best: B vectors can be a little further apart than "
        "orthogonal.": lambda batch, tau: _floor(batch, tau, 1.0),
        "-1 / B instead of -1 / (B - 1): the B vectors of a simplex add up to 0.": (
            lambda batch, tau: _floor(batch, tau, 1 + 1 / batch)
        ),
        "the sign of the second part is turned: the gap is from 1 down to -1 / (B - 1), longer "
        "than 1.": lambda batch, tau: _floor(batch, tau, 1 - 1 / (batch - 1)),
        "0 would need negatives infinitely far away, but cosines end at -1.": (
            lambda batch, tau: _number(0.0)
        ),
        "tau is missing: it divides the cosines.": lambda batch, tau: _floor(
            batch, 1.0, 1 + 1 / (batch - 1)
        ),
        "a row has B - 1 negatives, not B.": lambda batch, tau: _number(
            math.log1p(batch * math.exp(-(1 + 1 / (batch - 1)) / tau))
        ),
        "this is the loss at chance, log B.": lambda batch, tau: _number(math.log(batch)),
        "the positive is missing below the line: 1 + ...": lambda batch, tau: _number(
            math.log((batch - 1) * math.exp(-(1 + 1 / (batch - 1)) / tau))
        ),
        "tau divides the whole gap of cosines, 1 + 1 / (B - 1).": lambda batch, tau: _number(
            math.log1p((batch - 1) * math.exp(-(1 / tau + 1 / (batch - 1))))
        ),
    },
    "correct: positives at 1, negatives at -1 / (B - 1), the corners of a simplex.",
)


def _labelled() -> Sequence[tuple[Any, ...]]:
    labels = (torch.tensor([0, 1, 0, 2, 1]), torch.tensor([3, 0, 0, 1, 2, 3, 3]))
    return [(s, t, y, tau) for (s, t, tau), y in zip(_logits(), labels, strict=True)]


def _masked(s: Tensor, t: Tensor, drop: Tensor, tau: float, value: float = -torch.inf) -> Tensor:
    return _rows((_unit(t) @ _unit(s).T / tau).masked_fill(drop, value))


def _same(labels: Tensor) -> Tensor:
    """Bool [B, B]: other examples of the same class."""
    return (labels[:, None] == labels) & ~torch.eye(len(labels), dtype=torch.bool)


def _all_of_my_class(s: Tensor, t: Tensor, y: Tensor, tau: float) -> Tensor:
    """Pictures of the same class as positives: supervised contrast."""
    found = (_unit(t) @ _unit(s).T / tau).log_softmax(1)  # [B, B]
    mine = y[:, None] == y
    return -((found * mine).sum(1) / mine.sum(1)).mean()


def _rows_without_twins(s: Tensor, t: Tensor, y: Tensor, tau: float) -> Tensor:
    """Only the rows whose class occurs once."""
    alone = ~_same(y).any(1)
    scores = _unit(t) @ _unit(s).T / tau
    return F.cross_entropy(scores[alone], torch.arange(len(y))[alone])


masked = Exercise(
    "no negatives of the same class",
    lambda s, t, y, tau: losses.ckd(s, t, temperature=tau, labels=y),
    _labelled,
    {
        "nothing is masked: this is the loss of exercise 1.": lambda s, t, y, tau: _masked(
            s, t, torch.zeros(len(y), len(y), dtype=torch.bool), tau
        ),
        "the logits are not normalised: the scores are cosines, as in exercise 1.": (
            lambda s, t, y, tau: _rows((t @ s.T / tau).masked_fill(_same(y), -torch.inf))
        ),
        "you made pictures of the same class positives (supervised contrast): here they only stop "
        "being negatives.": _all_of_my_class,
        "you left out whole rows: every row stays, only its same-class columns go.": (
            _rows_without_twins
        ),
        "you masked the diagonal too: an example is of its own class, but it is the positive.": (
            lambda s, t, y, tau: _masked(s, t, y[:, None] == y, tau)
        ),
        "a score of 0 is an ordinary cosine, and still a negative: fill with -inf.": (
            lambda s, t, y, tau: _masked(s, t, _same(y), tau, 0.0)
        ),
        "the mask is turned round: you kept only the negatives of the same class.": (
            lambda s, t, y, tau: _masked(s, t, y[:, None] != y, tau)
        ),
    },
    "correct: same-class pairs are out, the positive stays.",
)

gradient = Exercise(
    "the gradient",
    lambda m, tau: ((m / tau).softmax(1) - torch.eye(len(m), dtype=m.dtype)) / (tau * len(m)),
    lambda: [(_unit(t) @ _unit(s).T, 0.3 * tau) for s, t, tau in _logits()],
    {
        "the sign is turned: descent must raise the diagonal, so its gradient is negative.": (
            lambda m, tau: (torch.eye(len(m), dtype=m.dtype) - (m / tau).softmax(1)) / tau / len(m)
        ),
        "two factors are missing: 1 / tau from the chain rule, and 1 / B from the mean.": (
            lambda m, tau: (m / tau).softmax(1) - torch.eye(len(m), dtype=m.dtype)
        ),
        "the softmax is of m / tau, not of m.": lambda m, tau: (
            (m.softmax(1) - torch.eye(len(m), dtype=m.dtype)) / (tau * len(m))
        ),
        "1 / tau from the chain rule is missing.": lambda m, tau: (
            ((m / tau).softmax(1) - torch.eye(len(m), dtype=m.dtype)) / len(m)
        ),
        "the loss is a mean over the batch: divide by B.": lambda m, tau: (
            ((m / tau).softmax(1) - torch.eye(len(m), dtype=m.dtype)) / tau
        ),
        "the softmax runs along each row (dim=1), a teacher's candidates.": lambda m, tau: (
            ((m / tau).softmax(0) - torch.eye(len(m), dtype=m.dtype)) / (tau * len(m))
        ),
        "the positives' part is missing: subtract 1 on the diagonal.": lambda m, tau: (
            (m / tau).softmax(1) / (tau * len(m))
        ),
    },
    "correct: (softmax - identity) / (tau B): every row's pushes add up to its pull.",
)

EXERCISES = (ckd, floor, masked, gradient)
