"""Lab 01, Dark knowledge: the four exercises and the mistakes their checks recognise."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from labkit import losses
from labkit.exercises.check import Exercise


def _logit_pairs() -> Sequence[tuple[Any, ...]]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:  # float64: rounding must not confuse
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return [(2 * draw(b, c), 3 * draw(b, c), t) for b, c, t in ((4, 5, 4.0), (6, 10, 2.0))]


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return (p * (p.clamp_min(1e-300).log() - q.clamp_min(1e-300).log())).sum(1)  # [B]


def _soft(logits: Tensor, temperature: float) -> Tensor:
    return (logits / temperature).softmax(1)


kd = Exercise(
    "the distillation loss",
    lambda z, v, t: losses.kd(z, v, temperature=t),
    _logit_pairs,
    {
        'you divided by the number of classes too: that is reduction="mean". Sum over classes, '
        'average over the batch ("batchmean").': lambda z, v, t: (
            t * t * _kl(_soft(v, t), _soft(z, t)).mean() / z.shape[1]
        ),
        "the factor T^2 is missing: without it the gradient shrinks as 1 / T^2.": lambda z, v, t: (
            _kl(_soft(v, t), _soft(z, t)).mean()
        ),
        'two things: the factor T^2 is missing, and reduction="mean" divides by the number of '
        "classes too.": lambda z, v, t: _kl(_soft(v, t), _soft(z, t)).mean() / z.shape[1],
        "the factor is T^2, not T.": lambda z, v, t: t * _kl(_soft(v, t), _soft(z, t)).mean(),
        "the temperature divides the logits, before the softmax, not the probabilities.": (
            lambda z, v, t: t * t * _kl(v.softmax(1) / t, z.softmax(1) / t).mean()
        ),
        "you softened probabilities: a softmax of a softmax. Divide the logits by T.": (
            lambda z, v, t: t * t * _kl(_soft(v.softmax(1), t), _soft(z.softmax(1), t)).mean()
        ),
        "the KL runs the wrong way: the teacher comes first, KL(teacher || student).": (
            lambda z, v, t: t * t * _kl(_soft(z, t), _soft(v, t)).mean()
        ),
        "you summed over the batch: average over the examples.": lambda z, v, t: (
            t * t * _kl(_soft(v, t), _soft(z, t)).sum()
        ),
        "this is the cross-entropy with the teacher's targets. It has the same gradient, but is "
        "not 0 when student and teacher agree: subtract the teacher's entropy.": lambda z, v, t: (
            -t * t * (_soft(v, t) * _soft(z, t).log()).sum(1).mean()
        ),
        "only the teacher is softened: the student's logits are divided by T as well.": (
            lambda z, v, t: t * t * _kl(_soft(v, t), z.softmax(1)).mean()
        ),
    },
    "correct: T^2 KL(teacher || student), averaged over the batch.",
)

gradient = Exercise(
    "the gradient",
    lambda z, v, t: t * (_soft(z, t) - _soft(v, t)) / len(z),
    _logit_pairs,
    {
        "one factor T is left: T^2 from the loss, 1 / T from the chain rule.": lambda z, v, t: (
            (_soft(z, t) - _soft(v, t)) / len(z)
        ),
        "the chain rule through z / T takes one T away: T, not T^2.": lambda z, v, t: (
            t * t * (_soft(z, t) - _soft(v, t)) / len(z)
        ),
        "the loss is a mean over the batch: divide by B.": lambda z, v, t: (
            t * (_soft(z, t) - _soft(v, t))
        ),
        "the sign is turned: descent must move the student's q towards the teacher's p, so the "
        "gradient is q - p.": lambda z, v, t: t * (_soft(v, t) - _soft(z, t)) / len(z),
        "both distributions are softened: use T inside the softmax too.": lambda z, v, t: (
            t * (z.softmax(1) - v.softmax(1)) / len(z)
        ),
    },
    "correct: T (q - p) / B, student minus teacher.",
)


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(1, keepdim=True)


limit = Exercise(
    "the limit of high temperature",
    lambda z, v, t: ((_centred(z) - _centred(v)) ** 2).sum(1).mean() / (2 * z.shape[1]),
    _logit_pairs,
    {
        "centre the logits first: a constant added to all logits of an example changes no "
        "probability.": lambda z, v, t: ((z - v) ** 2).sum(1).mean() / (2 * z.shape[1]),
        "a factor 1/2 is missing: the second-order term of the KL has it.": lambda z, v, t: (
            ((_centred(z) - _centred(v)) ** 2).sum(1).mean() / z.shape[1]
        ),
        "divide by the number of classes C: at high T every probability is close to 1 / C.": (
            lambda z, v, t: ((_centred(z) - _centred(v)) ** 2).sum(1).mean() / 2
        ),
        "average over the batch instead of summing.": lambda z, v, t: (
            ((_centred(z) - _centred(v)) ** 2).sum() / (2 * z.shape[1])
        ),
        "you divided by T: the factor T^2 in the loss cancels it.": lambda z, v, t: (
            ((_centred(z) - _centred(v)) ** 2).sum(1).mean() / (2 * z.shape[1] * t * t)
        ),
    },
    "correct: half the mean squared difference of centred logits.",
)


def _labelled() -> Sequence[tuple[Any, ...]]:
    labels = torch.tensor([0, 2, 1, 4])
    return [(v[:4], labels, t) for _, v, t in _logit_pairs()]


def _wrong_only(p: Tensor, labels: Tensor) -> Tensor:
    return p.scatter(1, labels[:, None], 0.0)


def _share(p: Tensor) -> Tensor:
    return p / p.sum(1, keepdim=True)


dark = Exercise(
    "dark knowledge alone",
    lambda v, y, t: _share(_wrong_only(_soft(v, t), y)),
    _labelled,
    {
        "the rows no longer sum to 1: divide by what is left once the label is gone.": (
            lambda v, y, t: _wrong_only(_soft(v, t), y)
        ),
        "the label's own probability is still there: set it to 0 and renormalise.": (
            lambda v, y, t: _soft(v, t)
        ),
        "the temperature is missing inside the softmax.": lambda v, y, t: _share(
            _wrong_only(v.softmax(1), y)
        ),
        "you removed the largest probability, not the label's: where the teacher errs they "
        "differ.": lambda v, y, t: _share(_wrong_only(_soft(v, t), v.argmax(1))),
        "you set the label's logit to 0, which is an ordinary value: its probability is not 0.": (
            lambda v, y, t: _soft(_wrong_only(v, y), t)
        ),
    },
    "correct: the teacher's opinion about the wrong classes, and nothing else.",
)

EXERCISES = (kd, gradient, limit, dark)
