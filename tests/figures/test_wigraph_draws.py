"""Lab 10's draws: chance, relaxed values, gradients, against the layer and by integrals."""

import math
import re

import numpy as np
import pytest
import torch

from labkit import figures, models
from labkit.figures import wigraph_draws

WORDS = ["not", "a", "good", "film"]


@pytest.fixture
def logits():
    return 2 * torch.randn(4, 4, generator=torch.Generator().manual_seed(0))


def maps(figure):
    return [torch.tensor(np.asarray(trace.z, dtype=float)) for trace in figure.data]


def test_the_three_maps_belong_together(logits):
    p, relaxed, hard = maps(wigraph_draws.draws(logits, temperature=0.5, words=WORDS, seed=1))
    off = ~torch.eye(4, dtype=torch.bool)
    torch.testing.assert_close(p[off], logits.sigmoid().double()[off], atol=6e-4, rtol=0)
    assert ((hard == 0) | (hard == 1)).all() and (hard.diagonal() == 1).all()
    assert torch.equal(hard[off] == 1, relaxed[off] > 0.5)


def test_temperature_moves_relaxed_values_alone_and_seeds_move_the_draw(logits):
    cold, warm = (maps(wigraph_draws.draws(logits, temperature=t, words=WORDS, seed=1))
                  for t in (0.1, 4.0))  # fmt: skip
    assert torch.equal(cold[0], warm[0]) and torch.equal(cold[2], warm[2])
    off = ~torch.eye(4, dtype=torch.bool)
    assert ((cold[1] - 0.5).abs() > (warm[1] - 0.5).abs())[off].all()
    drawn = torch.stack([
        maps(wigraph_draws.draws(logits, temperature=1, words=WORDS, seed=s))[2] for s in range(100)
    ])  # fmt: skip
    torch.testing.assert_close(
        drawn.mean(0)[off], logits.sigmoid().double()[off], atol=0.17, rtol=0
    )
    figure = wigraph_draws.draws(logits, temperature=1, words=WORDS, seed=5)
    count = int(re.search(r": (\d+) of 12 edges", figures.caption(figure)).group(1))
    assert count == int(maps(figure)[2].sum()) - 4


@pytest.mark.parametrize("logit", [-2.0, 0.0, 1.5])
@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
def test_gradient_is_that_of_the_straight_through_draw(logit, temperature):
    u = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    gamma = torch.full_like(u, logit, requires_grad=True)
    models.straight_through(gamma, u.logit(), temperature=temperature).sum().backward()
    mean, std = wigraph_draws.gradient(logit, temperature)
    assert mean == pytest.approx(gamma.grad.mean().item(), abs=1e-4)
    assert std == pytest.approx(gamma.grad.std().item(), abs=1e-4)


def test_gradient_in_closed_form():
    mean, std = wigraph_draws.gradient(0.0, 1.0)  # r is uniform: r (1 - r) has 1/6 and 1/180
    assert mean == pytest.approx(1 / 6, abs=1e-6) and std == pytest.approx(180**-0.5, abs=1e-6)
    p = 1 / (1 + math.exp(-1))
    mean, std = wigraph_draws.gradient(1.0, wigraph_draws.LOW)
    assert mean == pytest.approx(p * (1 - p), abs=1e-3) and std > 1
    mean, std = wigraph_draws.gradient(0.0, wigraph_draws.HIGH)
    assert mean == pytest.approx(1 / 4 / 8, rel=0.02) and std < 0.001


@pytest.mark.parametrize("temperature", [0.1, 1.0, 8.0])
def test_the_chance_of_a_1_does_not_depend_on_temperature(temperature):
    shares = wigraph_draws.relaxed_shares(0.7, temperature)
    assert sum(shares) == pytest.approx(1) and min(shares) >= 0
    assert sum(shares[10:]) == pytest.approx(1 / (1 + math.exp(-0.7)), abs=1e-12)
    figure = wigraph_draws.edge(0.7, temperature)
    assert "chance of a 1 is 0.67 at any" in figures.caption(figure)
    zeros, ones = figure.data[:2]
    assert list(zeros.y) + list(ones.y) == pytest.approx([100 * s for s in shares])
    assert max(zeros.x) < 0.5 < min(ones.x)


def test_the_marks_lie_on_the_curves():
    mean, std, slope, marks = wigraph_draws.edge(1.0, 0.5).data[2:]
    at = list(mean.x).index(pytest.approx(0.5))
    assert [mean.y[at], std.y[at]] == pytest.approx(list(marks.y))
    assert slope.y[0] == pytest.approx(0.1966, abs=1e-4)
    assert mean.y[0] == pytest.approx(slope.y[0], abs=1e-3) and std.y[0] > std.y[-1]


def test_bad_values(logits):
    for bad, name in (({"temperature": 0}, "temperature"), ({"seed": -1}, "seed"),
                      ({"words": WORDS[:3]}, "logits"), ({"words": []}, "logits")):  # fmt: skip
        with pytest.raises(ValueError, match=name):
            wigraph_draws.draws(logits, **{"temperature": 1, "words": WORDS, "seed": 0} | bad)
    for bad, name in (((9, 1), "logit"), ((0, 9), "temperature"), ((0, 0), "temperature")):
        with pytest.raises(ValueError, match=name):
            wigraph_draws.edge(*bad)


def test_of_many_words_some_are_named_and_all_can_be_read_by_the_mouse():
    words = [f"w{n}" for n in range(40)]
    figure = wigraph_draws.draws(torch.zeros(40, 40), temperature=1, words=words, seed=0)
    assert list(figure.layout.xaxis.ticktext) == words[::3]
    assert figure.data[0].customdata[2][39] == "w39 -> w2"
