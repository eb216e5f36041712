"""Lab 02, Mutual information: the five exercises and the mistakes their checks recognise."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.exercises.check import Exercise
from labkit.losses import mutual_information as mi


def _scores() -> Sequence[tuple[Any, ...]]:
    generator = torch.Generator().manual_seed(0)

    def draw(b: int, lead: float) -> Tensor:  # float64: rounding must not confuse
        noise = torch.randn(b, b, generator=generator, dtype=torch.float64)
        return 1.5 * noise + lead * torch.eye(b, dtype=torch.float64)

    return [(draw(6, 3.0),), (draw(9, 1.0),)]


def _off(s: Tensor) -> Tensor:
    return s[~torch.eye(len(s), dtype=torch.bool)]


def _nce(s: Tensor, dim: int = 1) -> Tensor:
    """The cross-entropy of "which of the batch": InfoNCE's loss, [B]."""
    return s.logsumexp(dim) - s.diagonal()


def _alone(s: Tensor) -> Tensor:
    """Without the positive in the denominator: [B]."""
    others = s.masked_fill(torch.eye(len(s), dtype=torch.bool), -math.inf)
    return others.logsumexp(1) - s.diagonal()


info_nce = Exercise(
    "InfoNCE",
    mi.info_nce,
    _scores,
    {
        "that is the loss, to be minimised: the bound is log B minus it.": lambda s: _nce(s).mean(),
        "log B is missing: without it this is minus the loss, never above 0.": lambda s: (
            -_nce(s).mean()
        ),
        "you summed over the batch: average over its rows.": lambda s: (
            math.log(len(s)) - _nce(s)
        ).sum(),
        "the softmax runs down the columns: that asks which x belongs to a y. Here a row holds "
        "one x and all y.": lambda s: math.log(len(s)) - _nce(s, 0).mean(),
        "the positive belongs in the mean over j as well: without it there is no ceiling.": (
            lambda s: math.log(len(s)) - _alone(s).mean()
        ),
        "the positive belongs in the mean over j as well; the mean is then over B scores, not "
        "B - 1.": lambda s: math.log(len(s) - 1) - _alone(s).mean(),
        "log B, not log(B - 1): a row of B scores has B possible answers.": lambda s: (
            math.log(len(s) - 1) - _nce(s).mean()
        ),
        "that is in bits: this course measures in nats, with the natural logarithm.": lambda s: (
            mi.info_nce(s) / math.log(2)
        ),
    },
    "correct: log B minus the cross-entropy, so never above log B.",
)

jsd = Exercise(
    "the Jensen-Shannon bound",
    mi.jsd,
    _scores,
    {
        "the mean over the negatives has taken in the diagonal: there are B (B - 1) of them.": (
            lambda s: -F.softplus(-s.diagonal()).mean() - F.softplus(s).mean()
        ),
        "you divided the sum over the negatives by B^2: there are B (B - 1) of them.": lambda s: (
            -F.softplus(-s.diagonal()).mean() - F.softplus(_off(s)).sum() / len(s) ** 2
        ),
        "you summed over the B - 1 negatives of each row: with the sum, the best critic is "
        "log p/q - log(B - 1). Average.": lambda s: (
            -F.softplus(-s.diagonal()).mean() - F.softplus(_off(s)).sum() / len(s)
        ),
        "that is the loss, to be minimised: the bound is its negative.": lambda s: -mi.jsd(s),
        "the signs inside are exchanged: softplus(-S) is small where a positive scores high.": (
            lambda s: -F.softplus(s.diagonal()).mean() - F.softplus(-_off(s)).mean()
        ),
        "plus 2 log 2 gives DIM's variant, which starts at 0; here a constant critic gives "
        "-2 log 2.": lambda s: mi.jsd(s) + 2 * math.log(2),
    },
    "correct: at most 0, -2 log 2 for a critic that knows nothing.",
)


def _wanted() -> Sequence[tuple[Any, ...]]:
    return [(6.0,), (3.0,), (9.0,)]


batch = Exercise(
    "the price of 6 nats",
    lambda nats: torch.tensor(math.ceil(math.exp(nats)), dtype=torch.float64),
    _wanted,
    {
        "that would be 6 bits: information here is in nats, so the base is e.": lambda nats: (
            torch.tensor(2.0**nats, dtype=torch.float64)
        ),
        "one short. Rounded down, log B is still below; or you counted the negatives: a batch of "
        "B gives B - 1 of them.": lambda nats: torch.tensor(
            math.floor(math.exp(nats)), dtype=torch.float64
        ),
        "a batch is a whole number of pairs: round up.": lambda nats: torch.tensor(
            math.exp(nats), dtype=torch.float64
        ),
        "one too many: K explicit negatives have the ceiling log(K + 1), but a matrix of B counts "
        "its positive already.": lambda nats: torch.tensor(
            math.ceil(math.exp(nats)) + 1, dtype=torch.float64
        ),
    },
    "correct: e^6 is above 403. And that only lifts the ceiling to 6 nats, it does not reach it.",
)


def _lies() -> Sequence[tuple[Any, ...]]:
    return [(5, 5.0, 3.0), (8, 2.0, 10.0)]


def _constant(size: int, value: float) -> Tensor:
    return torch.full((size, size), value, dtype=torch.float64)


liar = Exercise(
    "why SMILE is no bound",
    lambda size, clip, nats: _constant(size, clip + nats),
    _lies,
    {
        "a constant equal to the nats wanted: the clip takes as much off again, up to its value, "
        "so SMILE reads less than you wanted.": lambda size, clip, nats: _constant(size, nats),
        "a constant at the clip is not cut yet: SMILE still reads 0.": lambda size, clip, nats: (
            _constant(size, clip)
        ),
        "a raised diagonal is a critic that tells pairs from strangers. Here every entry must be "
        "the same.": lambda size, clip, nats: nats * torch.eye(size, dtype=torch.float64),
        "a raised diagonal tells pairs from strangers. Here every entry must be the same.": (
            lambda size, clip, nats: (clip + nats) * torch.eye(size, dtype=torch.float64)
        ),
    },
    "correct: no information at all, and SMILE reads as many nats as you like.",
)

readout = Exercise(
    "the +1",
    mi.jsd_readout_nwj,
    _scores,
    {
        "the + 1 is missing: with the best critic this reads I - 1/e.": mi.nwj,
        "the + 1 belongs to every score, the negatives' too: there e^((S + 1) - 1) = e^S.": (
            lambda s: 1 + mi.nwj(s)
        ),
        "one 1 too many: in NWJ, E[S + 1] - E[e^((S + 1) - 1)], the exponent's ones cancel.": (
            lambda s: s.diagonal().mean() + 1 - (_off(s) + 1).exp().mean()
        ),
        "the + 1 is in the exponent only: E[S] needs it too.": lambda s: (
            s.diagonal().mean() - _off(s).exp().mean()
        ),
        "the mean over the negatives has taken in the diagonal: there are B (B - 1) of them.": (
            lambda s: s.diagonal().mean() + 1 - s.exp().mean()
        ),
    },
    "correct: NWJ's best critic is the log ratio plus 1, JSD's the log ratio alone.",
)

EXERCISES = (info_nce, jsd, batch, liar, readout)
