"""Correlated Gaussians: conversions, moments, and the perfect critic against densities."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from labkit.data import gaussians


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("information", "rho"),
    [(2, 0.425757), (4, 0.574178), (6, 0.671706), (8, 0.742072), (10, 0.795060)],
)
def test_the_published_correlations(information, rho):
    assert gaussians.rho_of(information, 20) == approx(rho, abs=5e-7)
    assert gaussians.information_of(rho, 20) == approx(information, abs=1e-4)


@settings(max_examples=50)
@given(st.floats(0, 300), st.integers(1, 64))
def test_conversions_undo_each_other(information, dim):
    if information > 12 * dim:  # where rho's last digit is worth more than 1e-4 nats
        return
    rho = gaussians.rho_of(information, dim)
    assert 0 <= rho < 1
    assert gaussians.information_of(rho, dim) == approx(information, rel=1e-4, abs=1e-12)


def test_samples_have_the_moments_they_should():
    rho = gaussians.rho_of(3, 4)
    x, y = gaussians.correlated(20_000, 4, 3, generator=drawn())
    assert x.shape == y.shape == (20_000, 4) and x.dtype == torch.float32
    table = torch.corrcoef(torch.cat([x, y], 1).T)
    expected = torch.eye(8)
    expected[:4, 4:] = expected[4:, :4] = rho * torch.eye(4)
    torch.testing.assert_close(table, expected, atol=0.035, rtol=0)  # five standard errors
    torch.testing.assert_close(y.std(0), torch.ones(4), atol=0.035, rtol=0)


def test_cubed_is_the_cube_of_the_same_draw():
    x, y = gaussians.correlated(50, 3, 2, generator=drawn())
    again, cubes = gaussians.correlated(50, 3, 2, cubed=True, generator=drawn())
    torch.testing.assert_close(again, x)
    torch.testing.assert_close(cubes, y**3)


def test_nothing_shared():
    x, y = gaussians.correlated(20, 5, 0, generator=drawn())
    assert gaussians.optimal_scores(x, y, gaussians.rho_of(0, 5)).abs().max() == 0


@pytest.mark.parametrize("rho", [0.7, -0.4])
def test_optimal_scores_are_log_ratios_of_densities(rho):
    g = drawn(1)
    x, y = torch.randn(2, 5, 3, generator=g, dtype=torch.float64)
    normal = torch.distributions.Normal
    given_x = normal(rho * x[:, None], math.sqrt(1 - rho**2)).log_prob(y).sum(2)  # [5, 5]
    expected = given_x - normal(0.0, 1.0).log_prob(y).sum(1)
    torch.testing.assert_close(gaussians.optimal_scores(x, y, rho), expected)
    cubed = gaussians.optimal_scores(x, y**3, rho, cubed=True)
    torch.testing.assert_close(cubed, expected)  # the Jacobian cancels


@pytest.mark.parametrize("cubed", [False, True])
def test_the_diagonal_averages_to_the_information(cubed):
    rho, g = gaussians.rho_of(4, 20), drawn(2)
    joint = []
    for _ in range(20):
        x, y = gaussians.correlated(200, 20, 4, cubed=cubed, generator=g)
        joint.append(gaussians.optimal_scores(x, y, rho, cubed=cubed).diagonal())
    joint = torch.cat(joint)
    assert joint.mean().item() == approx(4, abs=5 * joint.std().item() / 4000**0.5)


def test_the_ratio_averages_to_one_off_the_diagonal():
    rho = gaussians.rho_of(0.5, 20)
    x, y = gaussians.correlated(1000, 20, 0.5, generator=drawn(3))
    ratio = gaussians.optimal_scores(x, y, rho).exp().fill_diagonal_(0).sum() / (1000 * 999)
    assert ratio.item() == approx(1, abs=0.02)


@pytest.mark.parametrize("information", [-1, math.nan, math.inf, "2", None, 41])
def test_bad_information_names_itself(information):
    with pytest.raises(ValueError, match="information"):
        gaussians.correlated(4, 2, information)


@pytest.mark.parametrize("rho", [1, -1, 1.5, math.nan, True])
def test_bad_rho_names_itself(rho):
    with pytest.raises(ValueError, match="rho"):
        gaussians.information_of(rho, 2)
    with pytest.raises(ValueError, match="rho"):
        gaussians.optimal_scores(torch.zeros(2, 2), torch.zeros(2, 2), rho)


def test_bad_shapes_name_themselves():
    with pytest.raises(ValueError, match="x and y"):
        gaussians.optimal_scores(torch.zeros(2, 3), torch.zeros(2, 2), 0.5)
    with pytest.raises(ValueError, match="dim"):
        gaussians.rho_of(2, 0)
    with pytest.raises(ValueError, match="batch"):
        gaussians.correlated(0, 2, 1)
