"""VID: a published fixture, brute force, closed forms, gradients, training, bad input."""

import math

import numpy as np
import pytest
import torch

from labkit import losses


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def relu(seed, *shape):
    return arr(seed, *shape).clamp_min(0)


def test_official_value_and_gradients():
    """RepDistiller's: variances at their start, the regressor's weights set."""
    loss = losses.VID(24, 32).double()
    with torch.no_grad():
        loss.raw_variance.fill_(math.log(math.expm1(5 - 1e-5)))  # the start, in float64
        for i, weight in enumerate(loss.regressor.parameters()):
            weight.copy_(0.1 * arr(10 + i, *weight.shape))
    s = relu(1, 4, 24, 8, 8).requires_grad_()
    value = loss(s, relu(2, 4, 32, 4, 4))
    value.backward()
    assert value.item() == pytest.approx(0.8515988574, rel=1e-9)
    assert s.grad.norm().item() == pytest.approx(1.211086255e-4, rel=1e-9)
    assert loss.raw_variance.grad.norm().item() == pytest.approx(0.01591651184, rel=1e-9)


def test_against_loops():
    mean, target, raw = arr(1, 2, 3, 2, 2), arr(2, 2, 3, 2, 2), 2 * arr(3, 3)
    total = 0.0
    for b in range(2):
        for c in range(3):
            v = math.log(1 + math.exp(raw[c].item())) + 1e-5
            for m, t in zip(mean[b, c].flatten(), target[b, c].flatten(), strict=True):
                total += 0.5 * ((m.item() - t.item()) ** 2 / v + math.log(v))
    assert losses.vid(mean, raw, target).item() == pytest.approx(total / 24, rel=1e-12)


def test_is_the_gaussian_log_likelihood():
    mean, target, raw = arr(1, 4, 3, 2, 2), arr(2, 4, 3, 2, 2), arr(3, 3)
    deviation = (torch.nn.functional.softplus(raw) + 1e-5).sqrt()[:, None, None]
    normal = torch.distributions.Normal(mean, deviation)
    expected = -normal.log_prob(target).mean() - math.log(2 * math.pi) / 2
    assert losses.vid(mean, raw, target).item() == pytest.approx(expected.item(), rel=1e-12)


def test_equal_maps_leave_the_variance():
    maps, raw = arr(1, 2, 3, 2, 2), torch.full((3,), math.log(math.e - 1)).double()
    assert losses.vid(maps, raw, maps).item() == pytest.approx(math.log(1 + 1e-5) / 2, abs=1e-7)
    floor = losses.vid(maps, torch.full((3,), -1000.0), maps).item()
    assert floor == pytest.approx(math.log(1e-5) / 2, rel=1e-6)


def test_best_variance_is_the_mean_square_error():
    """The slope in a is 0 where softplus(a) + 1e-5 is the channel's mean square error."""
    mean, target = arr(1, 4, 3, 2, 2), arr(2, 4, 3, 2, 2)
    error = (mean - target).square().mean((0, 2, 3)) - 1e-5
    raw = error.expm1().log().requires_grad_()
    losses.vid(mean, raw, target).backward()
    assert raw.grad.abs().max().item() < 1e-12


@pytest.mark.parametrize("start", [1e-3, 5.0, 1000.0])
def test_module_starts_at_the_variance_asked_for(start):
    loss = losses.VID(2, 3, initial_variance=start)
    variance = torch.nn.functional.softplus(loss.raw_variance) + 1e-5
    assert variance.tolist() == pytest.approx([start] * 3, rel=1e-5)


def test_module_learns_variance_and_regressor():
    torch.manual_seed(0)
    loss = losses.VID(4, 6)
    s, t = relu(1, 8, 4, 4, 4).float(), relu(2, 8, 6, 8, 8).float()
    parameters = list(loss.parameters())
    before, start = loss(s, t).item(), loss.raw_variance.detach().clone()
    for _ in range(100):
        slopes = torch.autograd.grad(loss(s, t), parameters)
        with torch.no_grad():
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter -= 2 * slope
    assert loss(s, t).item() < before - 0.5
    assert (loss.raw_variance < start).all()
    assert set(loss.state_dict()) == {
        "raw_variance", "regressor.0.weight", "regressor.2.weight", "regressor.4.weight",
    }  # fmt: skip


def test_gradcheck():
    target = arr(2, 2, 3, 2, 2)
    inputs = arr(1, 2, 3, 2, 2).requires_grad_(), arr(3, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda m, a: losses.vid(m, a, target), inputs)


def test_half_precision_is_widened():
    mean, target = arr(1, 4, 3, 4, 4).bfloat16(), arr(2, 4, 3, 4, 4).bfloat16()
    loss = losses.vid(mean, torch.zeros(3).bfloat16(), target)
    exact = losses.vid(mean.double(), torch.zeros(3).double(), target.double())
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-5)
    assert torch.isfinite(losses.VID(3, 3)(mean, target))


def test_shapes_that_do_not_fit_are_named():
    maps = torch.zeros(2, 3, 4, 4)
    with pytest.raises(ValueError, match="mean"):
        losses.vid(maps[0], torch.zeros(3), maps)
    with pytest.raises(ValueError, match="one shape"):
        losses.vid(maps, torch.zeros(3), maps[:, :2])
    with pytest.raises(ValueError, match=r"raw_variance must be \[3\]"):
        losses.vid(maps, torch.zeros(4), maps)
    with pytest.raises(ValueError, match="one batch"):
        losses.VID(3, 3)(maps, maps[:1])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"student_channels": 0}, "student_channels"),
        ({"teacher_channels": 2.5}, "teacher_channels"),
        ({"initial_variance": 0}, "initial_variance"),
        ({"initial_variance": math.nan}, "initial_variance"),
    ],
)
def test_bad_arguments_name_themselves(arguments, name):
    with pytest.raises(ValueError, match=name):
        losses.VID(**({"student_channels": 2, "teacher_channels": 3} | arguments))
