"""Lab 06's transport figures: the exact plan against scipy, distances against closed forms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import figures, losses
from labkit.figures import transport, transport_apart
from labkit.figures.transport_exact import exact

stats = pytest.importorskip("scipy.stats", reason="compared with scipy")
linear_sum_assignment = pytest.importorskip("scipy.optimize").linear_sum_assignment


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.booleans())
def test_the_exact_plan_costs_what_scipy_s_costs(seed, size, ties):
    draw = torch.Generator().manual_seed(seed)
    cost = torch.randn(size, size, generator=draw, dtype=torch.float64)
    cost = cost.round() if ties else cost
    plan = exact(cost)
    assert losses.marginal_error(plan) < 1e-12
    assert sorted(plan.unique().tolist()) in ([0, 1 / size], [1.0])
    least = cost.numpy()[linear_sum_assignment(cost.numpy())].mean()
    assert (plan * cost).sum().item() == pytest.approx(least, abs=1e-12)


def test_a_batch_of_64_and_single_precision():
    draw = torch.Generator().manual_seed(0)
    cost = torch.rand(64, 64, generator=draw)
    plan = exact(cost)
    assert plan.dtype == torch.float32
    least = cost.numpy()[linear_sum_assignment(cost.numpy())].mean()
    assert (plan * cost).sum().item() == pytest.approx(least, abs=1e-6)


@pytest.mark.parametrize("bad", [torch.zeros(2, 3), torch.zeros(0, 0), torch.zeros(4)])
def test_the_exact_plan_wants_a_square(bad):
    with pytest.raises(ValueError, match=r"cost must be \[N, N\]"):
        exact(bad)


def test_the_exact_plan_wants_finite_costs():
    with pytest.raises(ValueError, match="finite"):
        exact(torch.tensor([[0.0, math.inf], [1.0, 2.0]]))


@pytest.mark.parametrize("apart", [-1.0, 0.0, 3.0])
def test_on_a_line_the_figure_says_the_distance_of_scipy(apart):
    a, b = transport.points("line", apart, 1.4)
    assert torch.equal(a[:, 1], torch.zeros(7).double())
    least = stats.wasserstein_distance(a[:, 0], b[:, 0])
    said = figures.caption(transport.mover("line", apart, 1.4, "exact", 1.0))
    assert f"exact pays {least:.3f}" in said and f"least possible: {least:.3f}" in said
    assert "from 1.0 heaps" in said


def test_on_a_line_nobody_is_overtaken_even_where_that_costs_nothing():
    a, b = transport.points("line", 5.0, 0.5)  # all holes to the right of all heaps
    plan = torch.tensor(transport.mover("line", 5.0, 0.5, "exact", 1.0).data[-1].z)
    assert torch.equal(plan.argmax(1), b[:, 0].argsort()[a[:, 0].argsort().argsort()])


def test_a_soft_plan_spreads_and_costs_more():
    sharp, soft = (
        figures.caption(transport.mover("plane", 2, 1, "Sinkhorn", e)) for e in (0.05, 8.0)
    )
    paid = [float(said.split()[2]) for said in (sharp, soft)]
    assert paid[0] < paid[1]
    a, b = transport.points("plane", 2, 1)
    assert paid[1] == pytest.approx(transport.distances(a, b).mean().item(), rel=0.05)
    assert "from 7.0 heaps" in soft


def test_an_unfinished_plan_is_called_so():
    said = figures.caption(transport.mover("plane", 2.0, 1.0, "IPOT", 0.01))
    assert "(not finished)" in said


def test_arrows_carry_all_earth_and_their_number_never_changes():
    figures_of = [transport.mover("plane", 1, 1, s, e) for s in transport.SOLVERS for e in (0.1, 5)]
    assert len({len(figure.data) for figure in figures_of}) == 1
    straight = figures_of[0].data[transport.SHADES - 1]  # whole heaps: the thickest
    assert len(straight.x) == 3 * 7
    assert all(len(trace.x) == 0 for trace in figures_of[0].data[: transport.SHADES - 1])


def test_the_ways_agree_with_the_solvers():
    a, b = transport.points("plane", 1.0, 1.2)
    cost = 0.5 * transport.distances(a, b)
    curves = transport.swept(cost, 50)
    least = cost.numpy()[linear_sum_assignment(cost.numpy())].mean()
    said = figures.caption(transport.ways(cost, curves, 0.5, 50))
    soft = (losses.sinkhorn(cost, epsilon=0.5, iterations=50) * cost).sum()
    assert f"Sinkhorn pays {soft:.3f}" in said and f"the exact plan costs {least:.3f}" in said
    nearest = min(range(12), key=lambda i: abs(transport.EPSILONS[i] - 0.5))
    assert curves["IPOT"][nearest][0] == pytest.approx(least, abs=5e-3)
    assert curves["Sinkhorn"][-1][0] > 1.3 * least


def test_unknown_names_are_listed():
    with pytest.raises(ValueError, match="line, plane"):
        transport.points("cube", 0, 1)
    with pytest.raises(ValueError, match="Sinkhorn"):
        transport.solve(torch.zeros(2, 2), "sinkhorn", 1.0)
    with pytest.raises(ValueError, match="box, bell"):
        transport_apart.kl("cone", 0, 1)


@pytest.mark.parametrize("shift", [0.0, 0.3, -1.1, 6.0])
def test_divergences_of_bells(shift):
    x = np.linspace(-40, 40, 400_001)
    p, q = stats.norm.pdf(x, 0, 0.7), stats.norm.pdf(x, shift, 0.7)
    m = 0.5 * (p + q)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(d > 1e-300, d * np.log(d / m), 0) for d in (p, q)]
    truth = 0.5 * np.trapezoid(parts[0] + parts[1], x)
    assert transport_apart.jsd("bell", shift, 0.7) == pytest.approx(truth, abs=1e-7)
    assert transport_apart.kl("bell", shift, 0.7) == pytest.approx(shift**2 / (2 * 0.49))


def test_boxes_that_do_not_overlap_have_no_slope():
    said = figures.caption(transport_apart.apart("box", 1.5, 0.5))
    assert "KL is infinite" in said and "Jensen-Shannon 0.693 nats" in said
    assert "slope 0.000" in said and "distance 1.50 with slope 1" in said
    assert transport_apart.jsd("box", 0.25, 0.5) == pytest.approx(0.5 * math.log(2))
    assert transport_apart.kl("box", 0.0, 0.5) == 0
    counts = {len(transport_apart.apart(s, d, 0.5).data) for s in ("box", "bell") for d in (0, 3)}
    assert len(counts) == 1  # so that a slider redraws in place
