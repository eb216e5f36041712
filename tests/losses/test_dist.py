"""DIST: published fixtures, brute force, closed forms, invariants, gradients, bad input."""

import math

import numpy as np
import pytest
import torch

from labkit import losses
from labkit.losses.dist import correlation


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def softmax(logits, temperature):
    e = [math.exp(x / temperature) for x in logits]
    return [x / sum(e) for x in e]


def loop_correlation(a, b):
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    dot = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    norm_a = math.sqrt(sum((x - mean_a) ** 2 for x in a))
    norm_b = math.sqrt(sum((y - mean_b) ** 2 for y in b))
    return dot / (norm_a * norm_b + 1e-8)


def brute_force(z, v, temperature, beta, gamma):
    s = [softmax(row, temperature) for row in z.tolist()]
    t = [softmax(row, temperature) for row in v.tolist()]
    inter = [loop_correlation(a, b) for a, b in zip(s, t, strict=True)]
    columns = zip(zip(*s, strict=True), zip(*t, strict=True), strict=True)
    intra = [loop_correlation(a, b) for a, b in columns]
    terms = beta * (1 - sum(inter) / len(inter)) + gamma * (1 - sum(intra) / len(intra))
    return temperature**2 * terms


@pytest.mark.parametrize(
    ("temperature", "beta", "gamma", "value", "slope"),
    [
        (1, 1, 1, 1.998607376, 0.04010306529),
        (4, 1, 1, 31.58761662, 0.4272748308),
        (1, 1, 0, 0.9902295503, 0.03106443673),
        (1, 0, 1, 1.008377826, 0.01913962693),
    ],
)
def test_official_value_and_gradient(temperature, beta, gamma, value, slope):
    """The authors' code; the last two are its inter and intra term alone."""
    z = (2 * arr(1, 16, 100)).requires_grad_()
    v = 3 * arr(2, 16, 100)
    loss = losses.dist(z, v, temperature=temperature, beta=beta, gamma=gamma)
    loss.backward()
    assert loss.item() == pytest.approx(value, rel=1e-9)
    assert z.grad.norm().item() == pytest.approx(slope, rel=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_against_loops(temperature):
    z, v = arr(1, 5, 7), 2 * arr(2, 5, 7)
    expected = brute_force(z, v, temperature, 2, 3)
    loss = losses.dist(z, v, temperature=temperature, beta=2, gamma=3)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_closed_form_of_two_classes():
    """With two classes every correlation is 1 or -1: of these rows and columns all disagree."""
    z = torch.tensor([[1.0, 0], [0, 1]]).double()
    opposite = losses.dist(z, -z, temperature=1, beta=1, gamma=1).item()
    assert opposite == pytest.approx(4, rel=1e-6)
    assert losses.dist(z, 3 * z, temperature=1).item() == pytest.approx(0, abs=1e-6)


def test_zero_when_they_agree_up_to_a_shift_of_the_logits():
    z = 2 * arr(1, 6, 5)
    assert losses.dist(z, z, temperature=1).item() == pytest.approx(0, abs=1e-6)
    assert losses.dist(z + arr(2, 6, 1), z, temperature=1).item() == pytest.approx(0, abs=1e-6)


def test_correlation_is_free_of_scale_and_shift_per_row():
    a, b = arr(1, 6, 9), arr(2, 6, 9)
    scale, shift = 0.5 + arr(3, 6, 1).abs(), arr(4, 6, 1)
    assert torch.allclose(correlation(scale * a + shift, b), correlation(a, b), atol=1e-8)
    assert torch.allclose(correlation(-scale * a + shift, b), -correlation(a, b), atol=1e-8)
    expected = [np.corrcoef(x, y)[0, 1] for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    assert correlation(a, b).tolist() == pytest.approx(expected, rel=1e-7)


def test_a_softer_student_costs_nothing_in_the_inter_term():
    """Probabilities halfway to the even distribution: KD objects, the inter term does not."""
    v = 2 * arr(1, 6, 5)
    z = (0.5 * v.softmax(1) + 0.5 / 5).log()
    assert losses.dist(z, v, temperature=1, gamma=0).item() == pytest.approx(0, abs=1e-6)
    assert losses.kd(z, v, temperature=1) > 0.1


def test_a_constant_student_has_correlation_zero_and_a_finite_gradient():
    z = torch.zeros(4, 5, requires_grad=True)
    loss = losses.dist(z, torch.randn(4, 5), temperature=2)
    loss.backward()
    assert loss.item() == pytest.approx(2 * 2**2, rel=1e-5)
    assert torch.isfinite(z.grad).all()


def test_gradcheck():
    z, v = arr(1, 3, 5).requires_grad_(), arr(2, 3, 5)
    assert torch.autograd.gradcheck(lambda x: losses.dist(x, v, temperature=2), z)


def test_half_precision_is_widened():
    z, v = 2 * arr(1, 8, 20).bfloat16(), 3 * arr(2, 8, 20).bfloat16()
    loss = losses.dist(z, v, temperature=4)
    assert loss.dtype == torch.float32
    exact = losses.dist(z.double(), v.double(), temperature=4).item()
    assert loss.item() == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("name", ["temperature", "beta", "gamma"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "1", True])
def test_bad_numbers_name_themselves(name, value):
    with pytest.raises(ValueError, match=name):
        losses.dist(torch.zeros(2, 3), torch.zeros(2, 3), **({"temperature": 1} | {name: value}))


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        ((2, 3), (2, 4), "one shape"),
        ((1, 3), (1, 3), "2 examples"),
        ((3, 1), (3, 1), "2 classes"),
    ],
)
def test_shapes_that_do_not_fit_are_named(first, second, word):
    with pytest.raises(ValueError, match=word):
        losses.dist(torch.zeros(first), torch.zeros(second), temperature=1)
