"""Lab 06, WCoRD: the exercises and the mistakes their checks recognise."""

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


def _places() -> Sequence[tuple[Any, ...]]:
    return [(_draw(0, 7), 3 * _draw(1, 7) + 0.5), (2 * _draw(2, 12), _draw(3, 12) - 0.5)]


def _sorted(a: Tensor, b: Tensor) -> Tensor:
    """The distances that are walked, [N]."""
    return (a.sort().values - b.sort().values).abs()


line = Exercise(
    "earth on a line",
    lambda a, b: _sorted(a, b).mean(),
    _places,
    {
        "heap i goes into hole i here: that is a plan, but not the cheapest; the order of both "
        "lists says nothing.": lambda a, b: (a - b).abs().mean(),
        "this is the distance of the two means: heaps on either side of a hole would cancel out.": (
            lambda a, b: (a.mean() - b.mean()).abs()
        ),
        "you added the distances up: each heap carries 1 / N of the earth.": lambda a, b: _sorted(
            a, b
        ).sum(),
        "the distances are squared: that is Wasserstein-2's cost; here a metre costs a metre.": (
            lambda a, b: _sorted(a, b).square().mean()
        ),
        "every heap goes to its nearest hole: a hole takes one heap only.": (
            lambda a, b: (a[:, None] - b).abs().min(1).values.mean()
        ),
        "the order is turned round: the first heap goes to the last hole, which is the dearest "
        "plan.": lambda a, b: (a.sort().values - b.sort(descending=True).values).abs().mean(),
        "the signs are lost too late: take the absolute value of each distance before the mean.": (
            lambda a, b: a.mean() - b.mean()
        ),
    },
    "correct: on a line nobody overtakes, so sorting is the exact solver.",
)


def _costs() -> Sequence[tuple[Any, ...]]:
    return [
        (losses.cosine_cost(_draw(4, 5, 3), _draw(5, 5, 3)), 0.3, 4),
        (losses.cosine_cost(_draw(6, 4, 3), _draw(7, 6, 3)), 0.8, 7),
    ]


def _scaled(
    plan: Tensor, rounds: int, rows: float, columns: float, *, turned: bool = False
) -> Tensor:
    """`plan` after rounds of scaling its columns, then its rows (the other way if turned)."""
    for _ in range(rounds):
        for axis, total in ((1, rows), (0, columns)) if turned else ((0, columns), (1, rows)):
            plan = plan / plan.sum(axis, keepdim=True) * total
    return plan


def _kernel(cost: Tensor, epsilon: float) -> Tensor:
    return (-cost / epsilon).exp()


sinkhorn = Exercise(
    "Sinkhorn's plan",
    lambda c, e, k: losses.sinkhorn(c, epsilon=e, iterations=k),
    _costs,
    {
        "rows and columns sum to 1: a plan holds one unit of earth in all, 1 / N a row and 1 / M a "
        "column.": lambda c, e, k: _scaled(_kernel(c, e), k, 1.0, 1.0),
        "the sign is turned: cheap ways must get the larger share, exp(-C / epsilon).": (
            lambda c, e, k: _scaled(_kernel(-c, e), k, 1 / c.shape[0], 1 / c.shape[1])
        ),
        "you multiplied by epsilon: it divides, so that a small one sharpens.": lambda c, e, k: (
            _scaled((-c * e).exp(), k, 1 / c.shape[0], 1 / c.shape[1])
        ),
        "the last thing scaled must be the rows: each round first columns, then rows.": (
            lambda c, e, k: _scaled(_kernel(c, e), k, 1 / c.shape[0], 1 / c.shape[1], turned=True)
        ),
        "only the rows are scaled: that is a softmax, and holes may overflow.": lambda c, e, k: (
            (-c / e).softmax(1) / c.shape[0]
        ),
        "this is one round: repeat it, the rows spoil the columns each time.": lambda c, e, k: (
            _scaled(_kernel(c, e), 1, 1 / c.shape[0], 1 / c.shape[1])
        ),
        "this is IPOT's plan: Sinkhorn starts from exp(-C / epsilon) once, and never again.": (
            lambda c, e, k: losses.ipot(c, beta=e, iterations=k)
        ),
        "this is the cost <P, C>: return the plan itself.": lambda c, e, k: (
            losses.sinkhorn(c, epsilon=e, iterations=k) * c
        ).sum(),
    },
    "correct: rows are exact after each round, columns in the limit.",
)


def _embedded() -> Sequence[tuple[Any, ...]]:
    return [
        (F.normalize(_draw(n, b, 4)), F.normalize(_draw(n + 1, b, 4)), 3 * _draw(n + 2, 4, 4))
        for n, b in ((8, 5), (11, 7))
    ]


def _term(t: Tensor, s: Tensor, w: Tensor) -> Tensor:
    """L_g of the critic t'ws as it is, all other pictures as the product."""
    scores = t @ w @ s.T
    return losses.wcord_global(scores.diagonal(), scores[_others(scores)])


def _others(scores: Tensor) -> Tensor:
    return ~torch.eye(len(scores), dtype=torch.bool)


def _unit(w: Tensor) -> Tensor:
    return w / torch.linalg.matrix_norm(w, 2)


def _with_itself(t: Tensor, s: Tensor, w: Tensor) -> Tensor:
    scores = t @ _unit(w) @ s.T
    return scores.mean() - scores.diagonal().mean()


def _summed(t: Tensor, s: Tensor, w: Tensor) -> Tensor:
    scores = t @ _unit(w) @ s.T
    return scores[_others(scores)].sum() / len(t) - scores.diagonal().mean()


dual = Exercise(
    "the global term",
    lambda t, s, w: _term(t, s, _unit(w)),
    _embedded,
    {
        "w is not divided by its norm: a critic that may be steep wins by shouting.": _term,
        "this is the Frobenius norm: it is above the spectral norm, and makes the critic flatter "
        "than it may be. Ask for matrix_norm(w, 2).": lambda t, s, w: _term(
            t, s, w / torch.linalg.matrix_norm(w)
        ),
        "the sign is turned: the loss is minimised, so the joint pairs' mean is subtracted.": (
            lambda t, s, w: -_term(t, s, _unit(w))
        ),
        "the product holds the diagonal too: a picture is no negative of itself.": _with_itself,
        "w is transposed, or teacher and student have changed places: the teacher stands on w's "
        "left.": lambda t, s, w: _term(t, s, _unit(w).T),
        "you added a row's negatives up: the product's part is a mean, whatever their number.": (
            _summed
        ),
        "the critic is missing: this is the term with w = 1.": lambda t, s, w: _term(
            t, s, torch.eye(len(w), dtype=w.dtype)
        ),
    },
    "correct: joint pairs on the hills, all other pairs for comparison.",
)


def _planned() -> Sequence[tuple[Any, ...]]:
    return [(losses.ipot(1 - t @ s.T, beta=0.3, iterations=20), t, s) for t, s, _ in _embedded()]


gradient = Exercise(
    "the gradient of the local term",
    lambda p, t, s: -p.T @ t,
    _planned,
    {
        "the sign is turned: a larger cosine is a smaller cost.": lambda p, t, s: p.T @ t,
        "the plan is not turned: rows are teachers, and student j needs its column.": (
            lambda p, t, s: -p @ t
        ),
        "this is the gradient with respect to t.": lambda p, t, s: -p @ s,
        "divided by B once more: the plan's entries add up to 1 already.": lambda p, t, s: (
            -p.T @ t / len(t)
        ),
        "each student is pulled to its own teacher here: the plan says who sends to whom.": (
            lambda p, t, s: -t / len(t)
        ),
        "the plan's columns are scaled to 1: each student gets 1 / B of the pull.": (
            lambda p, t, s: -(p / p.sum(0)).T @ t
        ),
    },
    "correct: student j is pulled to the teachers that the plan sends to it.",
)

EXERCISES = (line, sinkhorn, dual, gradient)
