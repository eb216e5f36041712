"""Signal and noise of a contrastive gradient: against autograd, and where they are known."""

import pytest
import torch
import torch.nn.functional as F

from labkit import evaluation
from labkit.evaluation.gradients import _gradient
from labkit.losses import mutual_information as mi


def bank(n=200, dim=8):
    generator = torch.Generator().manual_seed(0)
    x = F.normalize(torch.randn(n, dim, generator=generator), dim=1)
    return x, F.normalize(x + 0.3 * torch.randn(n, dim, generator=generator), dim=1)


def test_the_gradient_is_that_of_info_nce():
    x, y = bank(6)
    z = x[2:3].clone().requires_grad_()
    drawn = [0, 4, 4, 5]  # with replacement
    value = mi.info_nce_explicit((z @ y[2]) / 0.2, (z @ y[drawn].T) / 0.2)
    (slope,) = torch.autograd.grad(-value, z)
    times = torch.tensor([[[1.0, 0, 0, 0, 2, 1]]])
    ours = _gradient((x[2:3] @ y.T) / 0.2, times, torch.tensor([2]), y) / 0.2
    torch.testing.assert_close(ours[0, 0], slope[0])


def test_averaging_wins_the_root_of_k_at_high_temperature_and_less_at_low():
    def grown(temperature):
        few, many = (
            evaluation.gradient_signal(
                *bank(), temperature=temperature, negatives=k, draws=200,
                generator=torch.Generator().manual_seed(0),
            )["snr"]
            for k in (16, 64)
        )  # fmt: skip
        return many / few

    assert grown(50.0) == pytest.approx(2, abs=0.1)
    assert grown(0.05) < 1.8


def test_more_negatives_point_along_the_whole_bank():
    found = [
        evaluation.gradient_signal(
            *bank(), temperature=0.2, negatives=k, generator=torch.Generator().manual_seed(0)
        )["agreement"]
        for k in (1, 16, 256)
    ]
    assert -1 <= found[0] < found[1] < found[2] <= 1
    assert found[2] > 0.95


def test_bad_arguments_are_named():
    x, y = bank(10)
    for settings in ({"temperature": 0}, {"negatives": 0}, {"draws": 1}, {"anchors": 0}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            evaluation.gradient_signal(x, y, **({"temperature": 1.0, "negatives": 1} | settings))
    with pytest.raises(ValueError, match="alike"):
        evaluation.gradient_signal(x, y[:5], temperature=1.0, negatives=1)
