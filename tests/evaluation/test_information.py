"""Counted information against closed forms, loops, and Motif-100's own bias."""

import math

import pytest
import torch
from pytest import approx, raises

from labkit import evaluation
from labkit.data import motif


def by_loops(a, b):
    """I(a; b) from its definition, one pair of values after the other."""
    n, total = len(a), 0.0
    for x in set(a):
        for y in set(b):
            joint = sum(i == x and j == y for i, j in zip(a, b, strict=True)) / n
            if joint:
                total += joint * math.log(joint / (a.count(x) / n * b.count(y) / n))
    return total


def test_entropy_of_even_and_single_values():
    assert evaluation.entropy(torch.arange(100) % 20) == approx(math.log(20))
    assert evaluation.entropy(torch.zeros(7, dtype=torch.int64)) == 0
    assert evaluation.entropy(torch.tensor([5, 5, 5, -2])) == approx(0.562335, abs=1e-6)


def test_mutual_information_is_its_definition():
    generator = torch.Generator().manual_seed(1)
    a = torch.randint(0, 4, (200,), generator=generator)
    b = (a + torch.randint(0, 3, (200,), generator=generator)) % 5 * 7 - 3
    ours = evaluation.mutual_information(a, b)
    assert ours == approx(by_loops(a.tolist(), b.tolist()))
    assert evaluation.mutual_information(b, a) == approx(ours)
    assert evaluation.mutual_information(a, a) == approx(evaluation.entropy(a))
    with raises(ValueError, match="must be as long"):
        evaluation.mutual_information(a, b[:-1])


@pytest.mark.parametrize("bias", [0.0, 0.3, 1.0])
def test_bias_gives_the_information_it_should(bias):
    factors = motif.render(20_000, bias=bias, difficulty=0).factors
    counted = evaluation.mutual_information(factors["shape"], factors["background"])
    excess = (400 - 39) / (2 * 20_000) if bias < 1 else 0  # of the plug-in estimate
    assert counted - excess == approx(evaluation.background_information(bias), abs=0.03)


def test_bias_closed_form_at_its_ends():
    assert evaluation.background_information(0) == approx(0, abs=1e-12)
    assert evaluation.background_information(1) == approx(math.log(20))


def test_bins():
    bins = evaluation.in_bins(torch.linspace(-3, 9, 1000), 12)
    assert bins.bincount().tolist() == pytest.approx([83] * 12, abs=1.5)
    assert evaluation.in_bins(torch.ones(4)).tolist() == [0] * 4
