"""Sinkhorn and IPOT: against POT's solvers and an exact one, fixtures, limits, bad input."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import losses


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def fixture():
    return arr(1, 7, 16).clamp_min(0), arr(2, 7, 16).clamp_min(0)


@pytest.mark.parametrize(
    ("beta", "value", "slope"),
    [(0.5, 0.4792576288, 0.1342906638), (0.1, 0.4791011725, 0.1346706083)],
)
def test_the_published_ipot_and_its_gradient_with_the_plan_held(beta, value, slope):
    x, y = fixture()
    cost = losses.cosine_cost(x.requires_grad_(), y)
    plan = losses.ipot(cost.detach(), beta=beta, iterations=50)
    loss = (plan * cost).sum()
    loss.backward()
    assert loss.item() == pytest.approx(value, abs=1e-10)
    assert x.grad.norm().item() == pytest.approx(slope, rel=1e-9)


def test_the_gradient_through_the_iterations_differs_until_they_converge():
    """By 3 % at beta 0.5, by nothing at 0.1: the envelope theorem."""
    slopes = {}
    for beta, detached in itertools.product((0.5, 0.1), (True, False)):
        x, y = fixture()
        cost = losses.cosine_cost(x.requires_grad_(), y)
        given = cost.detach() if detached else cost
        (losses.ipot(given, beta=beta, iterations=50) * cost).sum().backward()
        slopes[beta, detached] = x.grad
    gap = {
        b: (slopes[b, True] - slopes[b, False]).norm() / slopes[b, True].norm() for b in (0.5, 0.1)
    }
    assert 0.01 < gap[0.5] < 0.05 and gap[0.1] < 1e-8


def costs():
    """The cosine fixture, points on a line in other units, and more columns than rows."""
    x, y = fixture()
    line = (arr(3, 9, 1) - arr(4, 9, 1).T).abs() * 3
    return [losses.cosine_cost(x, y), line, losses.cosine_cost(arr(5, 6, 8), arr(6, 10, 8))]


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1, 2])
def test_against_pot(which):
    ot = pytest.importorskip("ot", reason="needs POT, of the test extra")
    cost = costs()[which]
    a, b = (np.full(size, 1 / size) for size in cost.shape)
    scale = cost.max().item()
    for epsilon, iterations in ((scale, 20), (0.1 * scale, 200), (0.01 * scale, 300)):
        plan = losses.sinkhorn(cost, epsilon=epsilon, iterations=iterations)
        theirs = ot.sinkhorn(
            a, b, cost.numpy(), epsilon, method="sinkhorn_log", numItermax=iterations,
            stopThr=0, warn=False,
        )  # fmt: skip
        assert (plan - torch.from_numpy(theirs)).abs().max().item() < 1e-6
        assert (plan * cost).sum().item() == pytest.approx((theirs * cost.numpy()).sum(), abs=1e-6)
    beta = 0.05 if which == 0 else 0.05 * scale / 2
    plan = losses.ipot(cost, beta=beta, iterations=2000)
    assert losses.marginal_error(plan) < 1e-9
    exact = ot.emd2(a, b, cost.numpy())
    assert (plan * cost).sum().item() == pytest.approx(exact, abs=1e-6)


def test_ipot_finds_the_best_permutation_of_all():
    cost = arr(7, 6, 6).abs()
    best = min(
        sum(cost[i, j].item() for i, j in enumerate(order)) / 6
        for order in itertools.permutations(range(6))
    )
    plan = losses.ipot(cost, beta=0.1, iterations=500)
    assert (plan * cost).sum().item() == pytest.approx(best, abs=1e-6)


def test_the_known_costs_of_the_fixture():
    """Exact <= IPOT <= paired; Sinkhorn needs a small epsilon, IPOT does not."""
    cost = losses.cosine_cost(*fixture())
    value = lambda plan: (plan * cost).sum().item()  # noqa: E731
    assert cost.diagonal().mean().item() == pytest.approx(0.708, abs=5e-4)
    other_way = losses.ipot(cost.T, beta=0.5, iterations=20)  # teachers first
    assert (other_way * cost.T).sum().item() == pytest.approx(0.486118, abs=1e-6)
    assert losses.marginal_error(other_way) == pytest.approx(1.6e-4, abs=5e-6)
    for epsilon, known in ((1.0, 0.6348), (0.1, 0.5449), (0.05, 0.5075), (0.01, 0.4794)):
        plan = losses.sinkhorn(cost, epsilon=epsilon, iterations=500)
        assert value(plan) == pytest.approx(known, abs=6e-5)


def test_limits_and_a_cold_epsilon_in_float32():
    cost = losses.cosine_cost(*fixture())
    flat = losses.sinkhorn(cost, epsilon=1e6, iterations=3)
    torch.testing.assert_close(flat, torch.full_like(flat, 1 / 49), atol=1e-6, rtol=0)
    cold = losses.sinkhorn(2 * cost.float(), epsilon=0.004, iterations=300)  # exp(-500) is 0
    assert cold.isfinite().all() and losses.marginal_error(cold) < 0.02
    assert losses.ipot(100 * cost.float(), beta=0.1, iterations=50).isfinite().all()
    equal = losses.ipot(torch.zeros(3, 5), beta=1.0)
    torch.testing.assert_close(equal, torch.full((3, 5), 1 / 15))


def test_permuting_the_points_permutes_the_plan():
    cost, order = losses.cosine_cost(*fixture()), torch.tensor([3, 0, 6, 1, 5, 2, 4])
    for solve in (
        lambda c: losses.sinkhorn(c, epsilon=0.1),
        lambda c: losses.ipot(c, beta=0.5, iterations=20),
    ):
        torch.testing.assert_close(solve(cost[order]), solve(cost)[order])
        torch.testing.assert_close(solve(cost.T[order]).sum(), torch.tensor(1.0).double())


@pytest.mark.parametrize("solve", ["sinkhorn", "ipot"])
def test_gradients_go_through_the_iterations(solve):
    cost = arr(8, 3, 4).abs().requires_grad_()
    name = {"sinkhorn": "epsilon", "ipot": "beta"}[solve]
    plan = lambda c: getattr(losses, solve)(c, **{name: 0.7}, iterations=6)  # noqa: E731
    assert torch.autograd.gradcheck(plan, cost)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 6), st.floats(0.05, 5))
def test_plans_are_plans(seed, n, m, strength):
    cost = torch.rand(n, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rows = losses.sinkhorn(cost, epsilon=strength, iterations=2)
    columns = losses.ipot(cost, beta=strength, iterations=2)
    assert (rows >= 0).all() and (columns >= 0).all()
    torch.testing.assert_close(rows.sum(1), torch.full_like(rows[:, 0], 1 / n))
    torch.testing.assert_close(columns.sum(1), torch.full_like(columns[:, 0], 1 / n))
    torch.testing.assert_close(columns.sum(), torch.tensor(1.0).double())


def test_the_marginal_error_is_the_largest():
    plan = torch.tensor([[0.5, 0.1], [0.1, 0.2]])
    assert losses.marginal_error(plan) == pytest.approx(0.2, abs=1e-6)
    assert losses.marginal_error(torch.eye(4) / 4) == 0


@settings(max_examples=30)
@given(st.one_of(st.floats(max_value=0), st.just(float("nan")), st.just("cold"), st.none()))
def test_bad_strengths_are_named(strength):
    cost = torch.ones(2, 2)
    with pytest.raises(ValueError, match="epsilon"):
        losses.sinkhorn(cost, epsilon=strength)
    with pytest.raises(ValueError, match="beta"):
        losses.ipot(cost, beta=strength)


def test_bad_input_is_named():
    for bad in (torch.ones(3), torch.ones(0, 3), torch.ones(2, 2, dtype=torch.long)):
        with pytest.raises(ValueError, match="cost must be"):
            losses.sinkhorn(bad, epsilon=1.0)
        with pytest.raises(ValueError, match="cost must be"):
            losses.ipot(bad, beta=1.0)
    with pytest.raises(ValueError, match="iterations"):
        losses.sinkhorn(torch.ones(2, 2), epsilon=1.0, iterations=0)
    with pytest.raises(ValueError, match="iterations"):
        losses.ipot(torch.ones(2, 2), beta=1.0, iterations=1.5)
    with pytest.raises(ValueError, match="a must be"):
        losses.cosine_cost(torch.ones(2, 3), torch.ones(2, 4))
