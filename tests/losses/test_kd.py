"""KD: published fixtures, brute force, closed forms, invariants, gradients, bad input."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import losses


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def brute_force(z, v, temperature):
    """Loops over examples and classes, in Python floats."""
    total = 0.0
    for student, teacher in zip(z.tolist(), v.tolist(), strict=True):
        q = [math.exp(x / temperature) for x in student]
        p = [math.exp(x / temperature) for x in teacher]
        for a, b in zip(p, q, strict=True):
            total += a / sum(p) * (math.log(a / sum(p)) - math.log(b / sum(q)))
    return temperature**2 * total / len(z)


@pytest.mark.parametrize(
    ("temperature", "value", "slope"),
    [(1.0, 4.758965396, 0.1777724867), (4.0, 6.546231917, 0.1053002169)],
)
def test_official_value_and_gradient(temperature, value, slope):
    """RepDistiller and mdistiller agree on these."""
    z = (2 * arr(1, 16, 100)).requires_grad_()
    loss = losses.kd(z, 3 * arr(2, 16, 100), temperature=temperature)
    loss.backward()
    assert loss.item() == pytest.approx(value, rel=1e-9)
    assert z.grad.norm().item() == pytest.approx(slope, rel=1e-9)


def test_official_mixture():
    """0.1 cross-entropy + 0.9 KD at T = 4, the weights RepDistiller prints."""
    z = (2 * arr(1, 16, 100)).requires_grad_()
    labels = torch.from_numpy(np.random.RandomState(3).randint(0, 100, 16))
    soft = losses.kd(z, 3 * arr(2, 16, 100), temperature=4)
    loss = 0.1 * torch.nn.functional.cross_entropy(z, labels) + 0.9 * soft
    loss.backward()
    assert loss.item() == pytest.approx(6.483366780, rel=1e-9)
    assert z.grad.norm().item() == pytest.approx(0.1011377114, rel=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
def test_against_loops(temperature):
    z, v = arr(4, 5, 7), 2 * arr(5, 5, 7)
    expected = brute_force(z, v, temperature)
    assert losses.kd(z, v, temperature=temperature).item() == pytest.approx(expected, rel=1e-12)


def test_closed_form_of_two_classes():
    """Teacher at even odds, student at odds e: KL = log((1 + e)^2 / (4 e)) / 2."""
    z, v = torch.tensor([[1.0, 0.0]]).double(), torch.zeros(1, 2).double()
    expected = 0.5 * math.log((1 + math.e) ** 2 / (4 * math.e))
    assert losses.kd(z, v, temperature=1).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 4.0, 100.0])
def test_zero_when_they_agree_up_to_a_shift(temperature):
    z = arr(6, 4, 9)
    shifted = z + arr(7, 4, 1)
    assert losses.kd(z, z, temperature=temperature).item() == pytest.approx(0, abs=1e-12)
    assert losses.kd(shifted, z, temperature=temperature).item() == pytest.approx(0, abs=1e-10)


def test_scale_matters():
    z, v = arr(6, 4, 9), arr(7, 4, 9)
    assert losses.kd(2 * z, v, temperature=4) != losses.kd(z, v, temperature=4)


def test_limit_of_high_temperature():
    z, v = 2 * arr(1, 16, 100), 3 * arr(2, 16, 100)
    centred = (z - z.mean(1, keepdim=True)) - (v - v.mean(1, keepdim=True))
    limit = centred.pow(2).sum(1).mean() / 200
    assert limit.item() == pytest.approx(6.2865, abs=1e-4)
    assert losses.kd(z, v, temperature=1000).item() == pytest.approx(6.2873, abs=1e-4)


def test_gradient_tends_to_the_difference_of_logits():
    """T^2-scaled gradient per example against (z - v) / C, centred; the error falls as 1 / T."""
    z, v = arr(1, 200, 10), arr(2, 200, 10)
    z, v = z - z.mean(1, keepdim=True), v - v.mean(1, keepdim=True)
    errors = []
    for temperature in (1, 4, 20, 100):
        logits = z.clone().requires_grad_()
        (slope,) = torch.autograd.grad(losses.kd(logits, v, temperature=temperature), logits)
        limit = (z - v) / z.shape[1] / len(z)
        errors.append(((slope - limit).norm() / limit.norm()).item())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == pytest.approx(errors[-2] / 5, rel=0.05)


def test_gradcheck():
    v = arr(2, 3, 5)
    z = arr(1, 3, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: losses.kd(x, v, temperature=3.0), z)


def test_is_c_times_torchs_mean_reduction():
    z, v = arr(1, 6, 10), arr(2, 6, 10)
    log_q, p = torch.log_softmax(z / 4, 1), torch.softmax(v / 4, 1)
    divided = 16 * (p * (p.log() - log_q)).mean()  # what reduction="mean" computes today
    assert losses.kd(z, v, temperature=4).item() == pytest.approx(10 * divided.item(), rel=1e-12)


@pytest.mark.parametrize(("dtype", "rel"), [(torch.float32, 1e-5), (torch.bfloat16, 5e-2)])
def test_lower_precision(dtype, rel):
    z, v = 2 * arr(1, 16, 100), 3 * arr(2, 16, 100)
    exact = losses.kd(z, v, temperature=4).item()
    got = losses.kd(z.to(dtype), v.to(dtype), temperature=4)
    assert got.item() == pytest.approx(exact, rel=rel)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.floats(max_value=0), st.just(math.nan), st.just(math.inf), st.booleans()))
def test_bad_temperature_names_itself(temperature):
    with pytest.raises(ValueError, match="temperature"):
        losses.kd(torch.zeros(2, 3), torch.zeros(2, 3), temperature=temperature)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=0, max_size=4),
    st.lists(st.integers(0, 4), min_size=0, max_size=4),
)
def test_shapes_that_do_not_fit_are_named(first, second):
    z, v = torch.zeros(first), torch.zeros(second)
    if first == second and len(first) == 2 and 0 not in first:
        assert losses.kd(z, v, temperature=1).item() == 0
    else:
        with pytest.raises(ValueError, match="logits"):
            losses.kd(z, v, temperature=1)


def test_labels_instead_of_logits():
    with pytest.raises(ValueError, match="floating point"):
        losses.kd(torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.long), temperature=1)
