"""The quick bounds equal the losses, whatever the block, the batch and the critic's scale."""

import time

import pytest
import torch

from labkit import data, evaluation
from labkit.evaluation import estimates
from labkit.losses import mutual_information as mi


@pytest.mark.parametrize(("b", "truth", "t"), [(2, 1.0, 1.0), (16, 2.0, 1.0), (64, 10.0, 0.25)])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_the_quick_bounds_are_the_losses(b, truth, t, alpha):
    rho, generator = data.gaussians.rho_of(truth, 20), torch.Generator().manual_seed(1)
    x, y = (
        z.view(3, b, 20) for z in data.gaussians.correlated(3 * b, 20, truth, generator=generator)
    )
    u, v = evaluation.optimal_factors(x, y, rho)
    found = evaluation.bounds(u, v, temperature=t, alpha=alpha)
    for m in range(3):
        s = data.gaussians.optimal_scores(x[m].double(), y[m].double(), rho) / t
        expected = {
            "InfoNCE": mi.info_nce(s), "I_alpha": mi.interpolated(s, alpha, 0.0),
            "NWJ": mi.nwj(s + 1), "DV": mi.dv(s), "SMILE": mi.smile(s, clip=5.0), "JSD": mi.jsd(s),
        }  # fmt: skip
        for name, value in expected.items():
            assert found[name][m].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-4), name


@pytest.mark.parametrize("block", [20, 100, 10_000])
def test_blocks_make_no_difference(block, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    u, v = torch.randn(2, 4, 20, 6, generator=generator)
    whole = evaluation.bounds(u, v, clip=1.0)
    monkeypatch.setattr(estimates, "BLOCK", block)
    for name, values in evaluation.bounds(u, v, clip=1.0).items():
        torch.testing.assert_close(values, whole[name], rtol=1e-5, atol=1e-6)


def test_the_factors_are_the_perfect_critic():
    x, y = data.gaussians.correlated(30, 5, 3.0, generator=torch.Generator().manual_seed(0))
    rho = data.gaussians.rho_of(3.0, 5)
    u, v = evaluation.optimal_factors(x, y, rho)
    torch.testing.assert_close(u @ v.T, data.gaussians.optimal_scores(x, y, rho))


def test_a_constant_critic_and_one_that_leads_by_far():
    u, v = torch.zeros(1, 8, 3), torch.zeros(1, 8, 3)
    found = evaluation.bounds(u, v)
    expected = {"InfoNCE": 0.0, "I_alpha": 0.0, "NWJ": 0.0, "DV": 0.0, "SMILE": 0.0}
    assert {name: found[name].item() for name in expected} == pytest.approx(expected, abs=1e-6)
    assert found["JSD"].item() == pytest.approx(-1.386294, abs=1e-6)
    one = 10 * torch.eye(8)[None]  # positives 100, strangers 0: float32 has no digits to subtract
    far = evaluation.bounds(one, one)
    s = 100 * torch.eye(8, dtype=torch.float64)
    assert far["I_alpha"].item() == pytest.approx(mi.interpolated(s, 0.5, 0.0).item(), rel=1e-5)
    assert far["InfoNCE"].item() == pytest.approx(mi.info_nce(s).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"temperature": 0.0}, "temperature"), ({"clip": 0.0}, "clip"), ({"alpha": 1.5}, "alpha")],
)
def test_bad_settings_are_named(settings, named):
    u = torch.zeros(1, 4, 2)
    with pytest.raises(ValueError, match=named):
        evaluation.bounds(u, u, **settings)
    with pytest.raises(ValueError, match=r"\[M, B, E\]"):
        evaluation.bounds(u[0], u[0])


@pytest.mark.slow
def test_a_batch_of_1024_is_quick_enough_to_drag():
    """22 ms of one core where this was written; the processor's time, so that others may work."""
    x, y = (z[None] for z in data.gaussians.correlated(1024, 20, 8.0))
    took = []
    for _ in range(7):
        began = time.process_time()
        evaluation.bounds(*evaluation.optimal_factors(x, y, 0.7))
        took.append(time.process_time() - began)
    assert min(took) < 0.2
