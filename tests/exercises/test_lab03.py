"""The reference answers of lab 03, and the usual ways to write them."""

import math

import pytest
import torch
import torch.nn.functional as F

from labkit import losses
from labkit.exercises import lab03


def student(z, t, *, mask=-math.inf, unit=True, partner=lambda i, n: i + 1 - 2 * (i % 2)):
    """NT-Xent as a student writes it, with a loop."""
    z = F.normalize(z, dim=1) if unit else z
    total = 0.0
    for i in range(len(z)):
        j = partner(i, len(z))
        scores = z @ z[i] / t
        if mask is not None:
            scores[i] = mask
        total = total - scores[j] + scores.logsumexp(0)
    return total / len(z)


def test_nt_xent_by_a_loop_and_its_two_classic_mistakes():
    assert lab03.nt_xent.check(student).state == "correct"
    kept = lab03.nt_xent.check(lambda *a: student(*a, mask=None))
    assert "compared with itself" in kept.message
    zero = lab03.nt_xent.check(lambda *a: student(*a, mask=0.0))
    assert "exp(0) = 1" in zero.message
    long = lab03.nt_xent.check(lambda *a: student(*a, unit=False))
    assert "length" in long.message
    half = lab03.nt_xent.check(lambda z, t: losses.info_nce(z[::2], z[1::2], temperature=t))
    assert "B - 1 negatives" in half.message


@pytest.mark.parametrize(
    ("partner", "said"),
    [
        (lambda i, n: i, "masked diagonal"),
        (lambda i, n: (i + n // 2) % n, "B rows away in section 4"),
        (lambda i, n: (i + 1) % n, "not always the next row"),
    ],
)
def test_nt_xent_with_another_partner_is_named(partner, said):
    assert said in lab03.nt_xent.check(lambda *a: student(*a, partner=partner)).message


def test_the_effective_number_lies_between_1_and_k():
    for cosines, temperature in lab03.effective.inputs():
        number = lab03.effective.reference(cosines, temperature)
        assert number.shape == (len(cosines),)
        assert number.min() >= 1 and number.max() <= cosines.shape[1]
    unsquared = lab03.effective.check(lambda s, t: 1 / (s / t).softmax(1).sum(1))
    assert "without the square" in unsquared.message
    largest = lab03.effective.check(lambda s, t: 1 / (s / t).softmax(1).amax(1))
    assert "largest weight alone" in largest.message


@pytest.mark.parametrize("b", [4, 16])
def test_the_floor_is_nt_xent_of_a_perfect_encoder(b):
    for temperature in (0.1, 1.0):
        z = torch.eye(b, dtype=torch.float64)
        expected = losses.nt_xent(z, z, temperature=temperature).item()
        assert lab03.floor.reference(b, temperature).item() == pytest.approx(expected)
    wrong = lab03.floor.check(lambda b, t: math.log(1 + (b - 1) * math.exp(-1 / t)))
    assert "2B - 2" in wrong.message
    cold = lab03.floor.check(lambda b, t: math.log(1 + (2 * b - 2) / math.e))
    assert "temperature is missing" in cold.message
    assert "not 0" in lab03.floor.check(lambda b, t: 0).message


def test_collisions_and_the_usual_shortcuts():
    def closed(c, p):
        return math.ceil(math.log(1 - p) / math.log(1 - 1 / c))

    assert lab03.collisions.check(closed).state == "correct"
    assert "seven" in lab03.collisions.praise and closed(10, 0.5) == 7
    for wrong, said in (
        (lambda c, p: p * c, "too few"),
        (lambda c, p: math.ceil(-c * math.log(1 - p)), "only near the chance"),
        (lambda c, p: math.log(1 - p) / math.log(1 - 1 / c), "whole number"),
        (lambda c, p: closed(c, p) - 1, "rounded down"),
        (lambda c, p: closed(c, 1 - p), "take p from 1"),
    ):
        assert said in lab03.collisions.check(wrong).message


def test_triplets_by_a_softmax():
    def by_softmax(a, p, n):
        distances = torch.stack([(a - p).norm(dim=1), (a - n).norm(dim=1)], dim=1)
        return distances.softmax(1)[:, 0].square().mean()

    assert lab03.triplet.check(by_softmax).state == "correct"
    paper = lab03.triplet.check(lambda *t: 2 * by_softmax(*t))
    assert "paper's form" in paper.message
    swapped = lab03.triplet.check(lambda a, p, n: by_softmax(a, n, p))
    assert "changed places" in swapped.message
    whole = lab03.triplet.check(
        lambda a, p, n: ((a - p).norm() - (a - n).norm()).sigmoid().square().mean()
    )
    assert "norm(dim=1)" in whole.message
