"""Arora et al.: how often negatives collide, and both sides of the bound for k = 1."""

import itertools

import pytest
import torch

from labkit.evaluation import theory
from labkit.evaluation.theory import Classes

# An independent simulation, 200,000 pairs, hinge: (C, block) -> L_un, bound, L_sup, collided
TABLE = {
    (10, 1): (0.355, 0.283, 0.040, 1.53),
    (10, 5): (0.174, 0.082, 0.040, 1.11),
    (10, 10): (0.151, 0.057, 0.040, 1.03),
    (100, 1): (0.252, 0.244, 0.076, 1.44),
    (100, 5): (0.116, 0.108, 0.076, 1.06),
    (100, 10): (0.100, 0.091, 0.076, 1.03),
}
SEEDS = {10: 8, 100: 0}  # ten class centres are few: their draw matters


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "block"), TABLE)
def test_the_table_comes_again(classes, block):
    found = Classes(classes, seed=SEEDS[classes]).sides(block, pairs=6000)
    *losses, collided = TABLE[classes, block]
    assert found[:3] == pytest.approx(losses, abs=0.03)
    assert found.collided == pytest.approx(collided, abs=0.06)


@pytest.mark.parametrize(("loss", "seed"), list(itertools.product(theory.LOSSES, (0, 1))))
def test_the_bound_holds_and_tightens_with_the_block(loss, seed):
    sides = [Classes(20, noise=0.7, seed=seed).sides(b, pairs=3000, loss=loss) for b in (1, 4, 16)]
    bounds = [one.bound for one in sides]
    assert bounds == sorted(bounds, reverse=True)
    for one in sides:
        assert one.supervised <= one.bound
        assert one.collided >= 1 - 0.01
        mixed = one.unsupervised - one.collisions * one.collided
        assert (one.unsupervised - one.collisions) / (1 - one.collisions) == pytest.approx(
            one.bound
        )
        assert mixed > 0


def test_with_the_natural_logarithm_a_collision_costs_less_than_1():
    zero = torch.zeros(1)
    assert theory.LOSSES["logistic"](zero).item() == pytest.approx(1)
    assert torch.nn.functional.softplus(-zero).item() == pytest.approx(0.6931, abs=1e-4)
    assert theory.LOSSES["hinge"](zero).item() == 1


def test_collisions_as_counted():
    for classes, negatives in ((10, 1), (10, 8), (4, 3)):
        draws = torch.randint(
            classes, (20_000, negatives), generator=torch.Generator().manual_seed(0)
        )
        counted = (draws == 0).any(1).float().mean().item()
        assert theory.collision_probability(classes, negatives) == pytest.approx(counted, abs=0.012)
    assert theory.collision_probability(10) == pytest.approx(0.1)
    assert theory.collision_probability(1, 5) == 1


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: theory.collision_probability(0, 3), "classes"),
        (lambda: theory.collision_probability(3, 0), "negatives"),
        (lambda: Classes(1), "classes"),
        (lambda: Classes(5, noise=0), "noise"),
        (lambda: Classes(5).sides(0), "block"),
        (lambda: Classes(5).sides(1, loss="log"), "did you mean|choose from"),
    ],
)
def test_bad_arguments_are_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()
