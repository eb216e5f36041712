"""The reference answers of lab 07, and the usual ways to write them."""

import math

import pytest
import torch
import torch.nn.functional as F

from labkit.exercises import lab07


def test_ways_to_write_the_jsd_loss():
    def by_logs(scores):
        own = torch.eye(len(scores), dtype=torch.bool)
        p = scores.sigmoid()
        return -p[own].log().mean() - (1 - p[~own]).log().mean() - 2 * math.log(2)

    def by_bce(scores, share=0.5):
        target = torch.eye(len(scores), dtype=scores.dtype)
        weights = target / len(scores) + (1 - target) / (len(scores) * (len(scores) - 1))
        paid = F.binary_cross_entropy_with_logits(scores, target, weights, reduction="sum")
        return paid - 2 * math.log(2)

    assert lab07.jsd.check(by_logs).state == "correct"
    assert lab07.jsd.check(by_bce).state == "correct"
    plain = lab07.jsd.check(lambda t: by_logs(t) + 2 * math.log(2))
    assert "constant is missing" in plain.message
    turned = lab07.jsd.check(lambda t: by_logs(-t))
    assert "signs are turned" in turned.message
    with_itself = lab07.jsd.check(
        lambda t: F.softplus(-t.diagonal()).mean() + torch.log1p(t.exp()).mean() - 2 * math.log(2)
    )
    assert "no negative of itself" in with_itself.message


def test_ways_to_write_the_local_scores():
    einsum = lab07.local.check(lambda x, y, tau: torch.einsum("id,jnd->ijn", x, y) / tau)
    assert einsum.state == "correct"
    loops = lab07.local.check(
        lambda x, y, tau: torch.stack([torch.stack([m @ v / tau for m in y]) for v in x])
    )
    assert loops.state == "correct"
    turned = lab07.local.check(lambda x, y, tau: torch.einsum("id,jnd->jin", x, y) / tau)
    assert "changed places: row i" in turned.message
    averaged = lab07.local.check(lambda x, y, tau: x @ y.mean(1).T / tau)
    assert "places are averaged" in averaged.message
    own = lab07.local.check(lambda x, y, tau: (x[:, None] * y).sum(2) / tau)
    assert "meets only itself" in own.message


def test_ways_to_write_the_floor():
    right = lab07.floor.check(lambda tau: 2 * math.log((1 + math.exp(-1 / tau)) / 2))
    assert right.state == "correct"
    half = lab07.floor.check(lambda tau: math.log(1 + math.exp(-1 / tau)) - 2 * math.log(2))
    assert "both parts count" in half.message
    none = lab07.floor.check(lambda tau: -2 * math.log(2))
    assert "without a limit" in none.message
    zero = lab07.floor.check(lambda tau: math.log(1 + math.exp(-1 / tau)) - math.log(2))
    assert "score 0" in zero.message
    worst = lab07.floor.check(lambda tau: 2 * math.log((1 + math.exp(1 / tau)) / 2))
    assert "worst loss" in worst.message


def test_ways_to_point():
    def by_loops(heat, cover):
        total = 0.0
        for h, m in zip(heat, cover, strict=True):
            total += m.flatten()[h.flatten().argmax()].item()
        return total / len(heat)

    assert lab07.pointing.check(by_loops).state == "correct"
    most = lab07.pointing.check(lambda h, m: m.amax((1, 2)).mean())
    assert "where the motif is" in most.message
    each = lab07.pointing.check(lambda h, m: torch.stack([m[i].flatten()[h[i].argmax()] for i in range(len(h))]))  # fmt: skip # noqa: E501
    assert "take the mean of them" in each.message
    same = lab07.pointing.check(lambda h, m: m.flatten(1)[:, h.mean(0).flatten().argmax()].mean())
    assert "a highest cell of its own" in same.message


@pytest.mark.parametrize("exercise", lab07.EXERCISES, ids=lambda e: e.name)
def test_no_mistake_is_right_and_each_is_named(exercise):
    assert exercise.check(exercise.reference).state == "correct"
    for message, mistake in exercise.mistakes.items():
        assert exercise.check(mistake).message == message
