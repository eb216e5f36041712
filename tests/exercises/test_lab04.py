"""The reference answers of lab 04, and the usual ways to write them."""

import math

import pytest
import torch
import torch.nn.functional as F

from labkit.exercises import lab04


def test_the_obvious_ways_to_write_the_loss_are_recognised():
    """Written the way a student would, with torch's own functions."""

    def right(s, t, tau):
        pairs = F.cosine_similarity(t[:, None], s[None], dim=2)
        return F.cross_entropy(pairs / tau, torch.arange(len(s)))

    assert lab04.ckd.check(right).state == "correct"
    turned = lab04.ckd.check(lambda s, t, tau: right(t, s, tau))
    assert "rows are the student's" in turned.message
    plain = lab04.ckd.check(lambda s, t, tau: F.cross_entropy(t @ s.T / tau, torch.arange(len(s))))
    assert "not normalised" in plain.message
    summed = lab04.ckd.check(lambda s, t, tau: right(s, t, tau) * len(s))
    assert "summed" in summed.message
    both = lab04.ckd.check(lambda s, t, tau: (right(s, t, tau) + right(t, s, tau)) / 2)
    assert "both directions" in both.message
    raw = lab04.ckd.check(lambda s, t, tau: F.cross_entropy(s @ t.T / tau, torch.arange(len(s))))
    assert "two things" in raw.message


def test_a_softmax_before_the_cross_entropy_is_recognised():
    def twice(s, t, tau):
        p = (F.normalize(t, dim=1) @ F.normalize(s, dim=1).T / tau).softmax(dim=1)
        return F.cross_entropy(p, torch.arange(len(s)))

    assert "softmax twice" in lab04.ckd.check(twice).message


@pytest.mark.parametrize("batch", [4, 8])
def test_no_batch_gets_below_the_floor_and_a_simplex_reaches_it(batch):
    floor = lab04.floor.reference(batch, 0.7).item()
    simplex = torch.eye(batch, dtype=torch.float64) - 1 / batch
    assert lab04.ckd.reference(simplex, simplex, 0.7).item() == pytest.approx(floor)
    draw = torch.Generator().manual_seed(0)
    for _ in range(20):
        s, t = torch.randn(2, batch, 3, generator=draw, dtype=torch.float64)
        assert lab04.ckd.reference(s, t, 0.7) > floor


def test_the_floor_s_mistakes():
    assert lab04.floor.check(
        lambda b, tau: math.log(1 + (b - 1) * math.exp(-b / (b - 1) / tau))
    ).state == ("correct")
    opposite = lab04.floor.check(lambda b, tau: math.log(1 + (b - 1) * math.exp(-2 / tau)))
    assert "cannot all be opposite" in opposite.message


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda b, tau: math.log(1 + (b - 1) * math.exp(-(1 + 1 / (b - 1)))), "tau is missing"),
        (lambda b, tau: math.log(1 + (b - 1) * math.exp((1 / (b - 1) - 1) / tau)), "sign"),
        (lambda b, tau: 0.0, "infinitely far"),
    ],
)
def test_more_of_the_floor_s_mistakes(wrong, said):
    assert said in lab04.floor.check(wrong).message


def test_masks():
    def fill(s, t, y, tau, drop, value=-math.inf):
        scores = F.normalize(t, dim=1) @ F.normalize(s, dim=1).T / tau
        return F.cross_entropy(scores.masked_fill(drop, value), torch.arange(len(s)))

    def others(y):
        return (y[:, None] == y).fill_diagonal_(False)

    right = lab04.masked.check(lambda s, t, y, tau: fill(s, t, y, tau, others(y)))
    assert right.state == "correct"
    whole = lab04.masked.check(lambda s, t, y, tau: fill(s, t, y, tau, y[:, None] == y))
    assert "diagonal" in whole.message
    zero = lab04.masked.check(lambda s, t, y, tau: fill(s, t, y, tau, others(y), 0.0))
    assert "-inf" in zero.message


def test_masks_of_another_kind_are_recognised():
    def plain(s, t, y, tau):
        other = (y[:, None] == y).fill_diagonal_(False)
        scores = (t @ s.T / tau).masked_fill(other, -math.inf)
        return F.cross_entropy(scores, torch.arange(len(s)))

    def supervised(s, t, y, tau):
        chance = F.log_softmax(F.normalize(t, dim=1) @ F.normalize(s, dim=1).T / tau, dim=1)
        rows = [-chance[i, y == y[i]].mean() for i in range(len(y))]
        return torch.stack(rows).mean()

    def fewer_rows(s, t, y, tau):
        scores = F.normalize(t, dim=1) @ F.normalize(s, dim=1).T / tau
        keep = torch.tensor([i for i in range(len(y)) if (y == y[i]).sum() == 1])
        return F.cross_entropy(scores[keep], keep)

    assert "not normalised" in lab04.masked.check(plain).message
    assert "supervised contrast" in lab04.masked.check(supervised).message
    assert "whole rows" in lab04.masked.check(fewer_rows).message


def test_the_gradient_reference_is_the_gradient_of_the_loss():
    for matrix, tau in lab04.gradient.inputs():
        m = matrix.clone().requires_grad_()
        (slope,) = torch.autograd.grad(F.cross_entropy(m / tau, torch.arange(len(m))), m)
        torch.testing.assert_close(slope, lab04.gradient.reference(matrix, tau))
    assert "sign" in lab04.gradient.check(lambda m, tau: -lab04.gradient.reference(m, tau)).message


def test_factors_and_temperatures_left_out_of_the_gradient():
    def bare(m, tau):
        return (m / tau).softmax(dim=1) - torch.eye(len(m))

    def sharp(m, tau):
        return (m.softmax(dim=1) - torch.eye(len(m))) / tau / len(m)

    assert "two factors" in lab04.gradient.check(bare).message
    assert "not of m" in lab04.gradient.check(sharp).message
