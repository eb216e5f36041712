"""Lab 00, Orientation: the three exercises and the mistakes their checks recognise."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from labkit.exercises.check import Exercise


def _counts() -> Sequence[tuple[Any, ...]]:
    values = ([1, 1, 2], [5, 3, 0, 8, 4])  # one with an empty cell: 0 log 0 = 0
    return [(torch.tensor(v, dtype=torch.float64),) for v in values]


def _plogp(p: Tensor) -> Tensor:
    return torch.where(p > 0, p * p.clamp_min(1e-300).log(), 0 * p)


entropy = Exercise(
    "entropy",
    lambda n: -_plogp(n / n.sum()).sum(),
    _counts,
    {
        "0 log 0 is NaN in floating point, and 0 by definition: leave empty cells out.": lambda n: (
            -(n / n.sum() * (n / n.sum()).log()).sum()
        ),
        "that is in bits: this course measures in nats, with the natural logarithm.": lambda n: (
            -_plogp(n / n.sum()).sum() / math.log(2)
        ),
        "counts are not probabilities: divide by their sum first.": lambda n: -_plogp(n).sum(),
        "the sign is turned: an entropy is never negative.": lambda n: _plogp(n / n.sum()).sum(),
        "sum over the cells, do not average.": lambda n: -_plogp(n / n.sum()).mean(),
        "this is the entropy of an even spread over the cells: weigh each log by its own share.": (
            lambda n: torch.tensor(math.log(len(n)), dtype=n.dtype)
        ),
    },
    "correct: -sum p log p, in nats.",
)


def _masks() -> Sequence[tuple[Any, ...]]:
    generator = torch.Generator().manual_seed(0)
    return [(torch.rand(2, 3, 8, 8, generator=generator) < p).unbind(0) for p in (0.5, 0.2)]


def _both(a: Tensor, b: Tensor) -> Tensor:
    return (a & b).flatten(1).sum(1).double()  # [N]


def _sizes(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return a.flatten(1).sum(1).double(), b.flatten(1).sum(1).double()


iou = Exercise(
    "intersection over union",
    lambda a, b: _both(a, b) / (a | b).flatten(1).sum(1),
    _masks,
    {
        "a + b counts the common pixels twice: the union is a + b minus the intersection.": (
            lambda a, b: _both(a, b) / sum(_sizes(a, b))
        ),
        "this is the Dice score, 2 |a and b| / (|a| + |b|): divide by the union.": lambda a, b: (
            2 * _both(a, b) / sum(_sizes(a, b))
        ),
        "one number for each picture: sum over the pixels only, not over the batch.": lambda a, b: (
            (a & b).sum().double() / (a | b).sum()
        ),
        "this is the share of pixels on which the masks agree, background included.": lambda a, b: (
            (a == b).flatten(1).double().mean(1)
        ),
        "you divided by the first mask alone: that is recall, not IoU.": lambda a, b: (
            _both(a, b) / _sizes(a, b)[0]
        ),
        "you divided by the number of pixels: divide by those that either mask covers.": (
            lambda a, b: (a & b).flatten(1).double().mean(1)
        ),
    },
    "correct: common pixels over all pixels that either mask covers.",
)


def _joint() -> Sequence[tuple[Any, ...]]:
    tables = ([[4, 1], [1, 6]], [[3, 0, 2], [1, 5, 1]])
    return [(torch.tensor(t, dtype=torch.float64),) for t in tables]


def _margins(n: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    p = n / n.sum()
    return p, p.sum(1, keepdim=True), p.sum(0, keepdim=True)


def _log_ratio(n: Tensor) -> Tensor:
    """log p(a, b) / (p(a) p(b)), -inf where a cell is empty."""
    p, row, column = _margins(n)
    return (p / (row * column)).log()


def _information(n: Tensor) -> Tensor:
    p, row, column = _margins(n)
    return _plogp(p).sum() - _plogp(row).sum() - _plogp(column).sum()


mutual_information = Exercise(
    "mutual information",
    _information,
    _joint,
    {
        "0 log 0 is NaN in floating point, and 0 by definition: leave empty cells out.": lambda n: (
            _margins(n)[0] * _log_ratio(n)
        ).sum(),
        "that is in bits: this course measures in nats, with the natural logarithm.": lambda n: (
            _information(n) / math.log(2)
        ),
        "this is the joint entropy H(a, b): subtract it from H(a) + H(b).": lambda n: (
            -_plogp(_margins(n)[0]).sum()
        ),
        "the sign is turned: mutual information is never negative.": lambda n: -_information(n),
        "H(a) + H(b) counts what they share twice: subtract the joint entropy H(a, b).": lambda n: (
            -_plogp(_margins(n)[1]).sum() - _plogp(_margins(n)[2]).sum()
        ),
        "weigh each log ratio by the joint probability, not evenly.": lambda n: (
            _log_ratio(n).nan_to_num(neginf=0.0).mean()
        ),
        "this is the conditional entropy H(a | b), what b leaves open: subtract it from H(a).": (
            lambda n: _plogp(_margins(n)[2]).sum() - _plogp(_margins(n)[0]).sum()
        ),
    },
    "correct: how much one tells of the other, in nats.",
)

EXERCISES = (entropy, iou, mutual_information)
