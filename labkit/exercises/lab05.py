"""Lab 05, CRD: the exercises and the mistakes their checks recognise."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.exercises.check import Exercise

SIZES = ((5, 8, 40, 0.2), (3, 16, 90, 0.3))  # B, K, n, tau


def _draws(seed: int = 0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def _cosines() -> Sequence[tuple[Any, ...]]:
    """(cosines [B, 1 + K], tau, Z, n)"""
    draw = _draws()
    return [((0.4 * draw(b, k + 1)).tanh(), tau, 2.5 * n, n) for b, k, n, tau in SIZES]


def _odds(scores: Tensor, constant: float) -> Tensor:
    return scores / (scores + constant)


def _believed(cosines: Tensor, tau: float, z: float, n: int) -> Tensor:
    return _odds((cosines / tau).exp() / z, (cosines.shape[1] - 1) / n)


belief = Exercise(
    "is the pair congruent?",
    _believed,
    _cosines,
    {
        "Z is missing: the scores are divided by it, as the code does.": lambda c, tau, z, n: _odds(
            (c / tau).exp(), (c.shape[1] - 1) / n
        ),
        "K / n, and not n / K: chance is one picture in n, and there are K tries.": (
            lambda c, tau, z, n: _odds((c / tau).exp() / z, n / (c.shape[1] - 1))
        ),
        "K without n: a score that means nothing is 1 / n, and K of them are K / n.": (
            lambda c, tau, z, n: _odds((c / tau).exp() / z, c.shape[1] - 1)
        ),
        "K is the number of negatives; the row has one column more, the positive.": (
            lambda c, tau, z, n: _odds((c / tau).exp() / z, c.shape[1] / n)
        ),
        "you multiplied by the temperature: it divides.": lambda c, tau, z, n: _odds(
            (c * tau).exp() / z, (c.shape[1] - 1) / n
        ),
        "this is a softmax over the row. Here each pair is judged by itself.": (
            lambda c, tau, z, n: (c / tau).softmax(1)
        ),
        "this is the probability of the other answer, 1 - h.": lambda c, tau, z, n: (
            1 - _believed(c, tau, z, n)
        ),
    },
    "correct: the score against the K / n that K guesses would get.",
)


def _beliefs() -> Sequence[tuple[Any, ...]]:
    """(h [B, 1 + K],)"""
    return [(_believed(*row),) for row in _cosines()]


def _loss(h: Tensor) -> Tensor:
    return -(h[:, 0].log() + (1 - h[:, 1:]).log().sum(1)).mean()


loss = Exercise(
    "the loss of one side",
    _loss,
    _beliefs,
    {
        "you took the mean over the negatives: they are summed, so that the loss has K of them.": (
            lambda h: -(h[:, 0].log() + (1 - h[:, 1:]).log().mean(1)).mean()
        ),
        "you summed over the batch: average over the anchors.": lambda h: len(h) * _loss(h),
        "the sign is turned: the log-probabilities should be large, so the loss is minus them.": (
            lambda h: -_loss(h)
        ),
        "negatives count as congruent in your loss: for them it is log(1 - h).": lambda h: (
            -h.log().sum(1).mean()
        ),
        "column 0 is the congruent pair; you counted it among the negatives too.": lambda h: (
            -(h[:, 0].log() + (1 - h).log().sum(1)).mean()
        ),
        "only the congruent pairs pay in your loss; nothing keeps h from being 1 for all.": (
            lambda h: -h[:, 0].log().mean()
        ),
        "you averaged over all pairs alike: an anchor's K + 1 terms are summed.": lambda h: (
            _loss(h) / h.shape[1]
        ),
    },
    "correct: K + 1 yes-or-no questions an anchor, one of them with the answer yes.",
)


def _banks() -> Sequence[tuple[Any, ...]]:
    """(bank [n, D], index [B], e [B, D] unit, momentum)"""
    draw = _draws(1)
    rows = ((10, 4, [7, 0, 3], 0.5), (6, 3, [5, 2], 0.8))
    return [
        (F.normalize(draw(n, d)), torch.tensor(i), F.normalize(draw(len(i), d)), m)
        for n, d, i, m in rows
    ]


def _remember(bank: Tensor, index: Tensor, e: Tensor, momentum: float) -> Tensor:
    return _written(bank, index, F.normalize(momentum * bank[index] + (1 - momentum) * e))


def _written(bank: Tensor, index: Tensor, rows: Tensor) -> Tensor:
    kept = bank.clone()
    kept[index] = rows
    return kept


remember = Exercise(
    "the bank after a step",
    _remember,
    _banks,
    {
        "the slots have lost their length: bring them back to 1.": lambda v, i, e, m: _written(
            v, i, m * v[i] + (1 - m) * e
        ),
        "the momentum is the old embedding's share, 1 - momentum the new one's.": (
            lambda v, i, e, m: _written(v, i, F.normalize((1 - m) * v[i] + m * e))
        ),
        "the slots are replaced: a share `momentum` of the old embedding stays.": (
            lambda v, i, e, m: _written(v, i, e)
        ),
        "you wrote to the first B slots: each picture has its own, bank[index].": (
            lambda v, i, e, m: _written(
                v, torch.arange(len(i)), F.normalize(m * v[: len(i)] + (1 - m) * e)
            )
        ),
        "only the batch's rows came back: return the whole bank.": lambda v, i, e, m: F.normalize(
            m * v[i] + (1 - m) * e
        ),
        "nothing has changed in the bank.": lambda v, i, e, m: v,
    },
    "correct: old and new mixed, back to length 1, all other slots untouched.",
)


def _first() -> Sequence[tuple[Any, ...]]:
    """(cosines [B, 1 + K], tau, n)"""
    return [(cosines, tau, n) for cosines, tau, _, n in _cosines()]


def _number(value: Any) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


first_z = Exercise(
    "Z from the first batch",
    lambda c, tau, n: n * (c / tau).exp().mean(),
    _first,
    {
        "this is the sum of the batch's scores: Z stands for all n pictures, n times the mean.": (
            lambda c, tau, n: (c / tau).exp().sum()
        ),
        "n is missing: the mean score, times the number of pictures.": lambda c, tau, n: (
            (c / tau).exp().mean()
        ),
        "the mean of the exponentials, not the exponential of the mean.": lambda c, tau, n: (
            n * (c / tau).mean().exp()
        ),
        "the temperature is missing.": lambda c, tau, n: n * c.exp().mean(),
        "only the negatives are in your mean: the code takes the positive along.": (
            lambda c, tau, n: n * (c[:, 1:] / tau).exp().mean()
        ),
        "one number for the whole batch, not one for each anchor.": lambda c, tau, n: (
            n * (c / tau).exp().mean(1)
        ),
        "this is log Z.": lambda c, tau, n: _number(math.log(n)) + (c / tau).exp().mean().log(),
    },
    "correct: what the sum over all n pictures would be, if they were like this batch.",
)

EXERCISES = (belief, loss, remember, first_z)
