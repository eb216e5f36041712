"""Lab 07, MIMKD: the exercises and the mistakes their checks recognise."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit import losses
from labkit.exercises.check import Exercise


def _draw(seed: int, *shape: int) -> Tensor:  # float64: rounding must not confuse
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _paid(scores: Tensor) -> tuple[Tensor, Tensor]:
    """What own pairs and all others pay, softplus each: [B] and [B (B - 1)]."""
    own = torch.eye(len(scores), dtype=torch.bool)
    return F.softplus(-scores[own]), F.softplus(scores[~own])


def _jsd(scores: Tensor) -> Tensor:
    own = torch.eye(len(scores), dtype=torch.bool)
    return losses.mimkd_jsd(scores[own], scores[~own])


CONSTANT = 2 * math.log(2)

jsd = Exercise(
    "the JSD loss",
    _jsd,
    lambda: [(2 * _draw(0, 5, 5) + torch.eye(5),), (_draw(1, 8, 8),)],
    {
        "the constant is missing: with - 2 log 2 a critic that knows nothing pays 0.": lambda t: (
            _jsd(t) + CONSTANT
        ),
        "only one log 2 is taken off: both parts pay log 2 at chance.": lambda t: (
            _jsd(t) + CONSTANT / 2
        ),
        "the signs are turned: own pairs pay softplus(-T), so that a high score is cheap.": (
            lambda t: _jsd(-t)
        ),
        "this is the bound itself: the loss is minimised, so it is minus the bound.": lambda t: (
            -_jsd(t)
        ),
        "the negatives hold the diagonal too: a picture is no negative of itself.": lambda t: (
            _paid(t)[0].mean() + F.softplus(t).mean() - CONSTANT
        ),
        "all entries share one mean: own pairs count as much as all others together.": lambda t: (
            torch.cat(_paid(t)).mean() * 2 - CONSTANT
        ),
        "you added a row's negatives up: take the mean of them.": lambda t: (
            _paid(t)[0].mean() + _paid(t)[1].sum() / len(t) - CONSTANT
        ),
        "this is the softmax loss of labs 03 to 05: here each pair is judged by itself.": (
            lambda t: F.cross_entropy(t, torch.arange(len(t)))
        ),
    },
    "correct: 0 for a critic that knows nothing, -2 log 2 at the very least.",
)


def _encoded() -> Sequence[tuple[Any, ...]]:
    return [
        (F.normalize(_draw(n, b, 4), dim=-1), F.normalize(_draw(n + 1, b, p, 4), dim=-1), tau)
        for n, b, p, tau in ((2, 3, 3, 0.5), (4, 5, 9, 0.2))
    ]


def _local(x: Tensor, y: Tensor, tau: float) -> Tensor:
    return losses.mimkd_scores(x[:, None], y, temperature=tau)


local = Exercise(
    "local scores",
    _local,
    _encoded,
    {
        "rows and columns have changed places: row i is the vector x_i, column j the map of "
        "picture j.": lambda x, y, tau: _local(x, y, tau).transpose(0, 1),
        "the temperature is missing.": lambda x, y, tau: _local(x, y, 1.0),
        "you multiplied by the temperature: it divides, so that a small one makes scores large.": (
            lambda x, y, tau: _local(x, y, 1 / tau)
        ),
        "the places are averaged: every place is judged by itself, so keep N.": lambda x, y, tau: (
            _local(x, y, tau).mean(2)
        ),
        "each picture meets only itself here: the others are the negatives, [B, B, N].": (
            lambda x, y, tau: torch.einsum("id,ind->in", x, y) / tau
        ),
        "place and picture have changed places: [B, B, N], the places last.": lambda x, y, tau: (
            _local(x, y, tau).transpose(1, 2)
        ),
    },
    "correct: one question for each pair of pictures and each place.",
)


def _floor(tau: float) -> Tensor:
    return torch.tensor(2 * math.log1p(math.exp(-1 / tau)) - CONSTANT, dtype=torch.float64)


def _simplex(tau: float, batch: int = 64) -> Tensor:
    lowest = math.log1p(math.exp(-1 / tau / (batch - 1)))
    return torch.tensor(math.log1p(math.exp(-1 / tau)) + lowest - CONSTANT, dtype=torch.float64)


floor = Exercise(
    "the floor",
    _floor,
    lambda: [(0.2,), (1.0,), (3.0,)],
    {
        "this is the floor of scores without a limit: arrows of length 1 give at most 1 / tau.": (
            lambda tau: torch.tensor(-CONSTANT, dtype=torch.float64)
        ),
        "the constant is missing: subtract 2 log 2.": lambda tau: _floor(tau) + CONSTANT,
        "this is the worst loss: own pairs at -1 / tau, others at 1 / tau.": lambda tau: (
            _floor(tau) + 2 / tau
        ),
        "both parts count: own pairs at 1 / tau, and others at -1 / tau.": lambda tau: (
            (_floor(tau) - CONSTANT) / 2
        ),
        "you multiplied by tau: the largest score is 1 / tau.": lambda tau: _floor(1 / tau),
        "the others are at score 0 here: each of them may be as low as -1 / tau.": lambda tau: (
            (_floor(tau) - CONSTANT) / 2 + math.log(2)
        ),
        "the others stand as a simplex here (lab 04). For this floor every pair is free.": _simplex,
    },
    "correct: no critic of that temperature gets lower, whatever the networks share.",
)


def _heats() -> Sequence[tuple[Any, ...]]:
    cover = F.avg_pool2d((_draw(7, 6, 12, 12) > 0.7).double(), 4)  # [6, 3, 3]
    return [(_draw(6, 6, 3, 3), cover), (_draw(9, 4, 2, 5), _draw(8, 4, 2, 5).sigmoid())]


def _found(heat: Tensor, cover: Tensor) -> Tensor:
    best = heat.flatten(1).argmax(1, keepdim=True)
    return cover.flatten(1).gather(1, best).mean()


def _same_cell(heat: Tensor, cover: Tensor) -> Tensor:
    return cover.flatten(1)[:, heat.mean(0).argmax()].mean()


pointing = Exercise(
    "pointing accuracy",
    _found,
    _heats,
    {
        "this is chance: the motif's share of all cells, wherever the heat is.": lambda h, m: (
            m.mean()
        ),
        "the cell with the lowest heat is taken.": lambda h, m: _found(-h, m),
        "this is what the best cell of each picture holds: look where the heat is highest, not "
        "where the motif is.": lambda h, m: m.flatten(1).amax(1).mean(),
        "one cell for all pictures: each picture has a highest cell of its own.": _same_cell,
        "only the hottest cell of the whole batch is looked at: take one for each picture.": (
            lambda h, m: m.flatten()[h.argmax()]
        ),
        "the heat itself is averaged in: it only says which cell, the answer is how much of that "
        "cell is motif.": lambda h, m: (h * m).mean(),
        "one number for each picture: take the mean of them.": lambda h, m: m.flatten(1).gather(
            1, h.flatten(1).argmax(1, keepdim=True)
        )[:, 0],
    },
    "correct: the probability that a pixel of the hottest cell is the motif's.",
)

EXERCISES = (jsd, local, floor, pointing)
