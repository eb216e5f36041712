"""The calibration error against a loop over bins, and where it is known."""

import torch
from pytest import approx, mark

from labkit.evaluation import calibration_error


@mark.parametrize("bins", [5, 15])
def test_equals_the_loop_over_bins(bins):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(400, 7, generator=generator)
    labels = torch.randint(7, (400,), generator=generator)
    confidence, guess = logits.double().softmax(1).max(1)
    error = 0.0
    for b in range(bins):
        inside = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if inside.any():
            right = (guess == labels)[inside].double().mean()
            error += inside.double().mean() * abs(right - confidence[inside].mean())
    assert calibration_error(logits, labels, bins=bins) == approx(error.item(), abs=1e-5)


def test_sure_and_always_right_or_always_wrong():
    logits = 50 * torch.eye(4)
    labels = torch.arange(4)
    assert calibration_error(logits, labels) == approx(0.0, abs=1e-6)
    assert calibration_error(logits, (labels + 1) % 4) == approx(1.0, abs=1e-6)
