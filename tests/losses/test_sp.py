"""SP: a published fixture, brute force, closed forms, invariants, gradients, bad input."""

import math

import numpy as np
import pytest
import torch

from labkit import losses


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def relu(seed, *shape):
    return arr(seed, *shape).clamp_min(0)


def loop_similarity(x):
    rows = x.flatten(1).tolist()
    out = []
    for a in rows:
        g = [sum(u * v for u, v in zip(a, b, strict=True)) for b in rows]
        norm = math.sqrt(sum(v * v for v in g))
        out.append([v / norm for v in g])
    return out


def brute_force(s, t):
    g_s, g_t = loop_similarity(s), loop_similarity(t)
    b = len(g_s)
    return sum((g_t[i][j] - g_s[i][j]) ** 2 for i in range(b) for j in range(b)) / b**2


def test_official_value_and_gradient():
    s = relu(1, 8, 24, 4, 4).requires_grad_()
    loss = losses.sp(s, relu(2, 8, 32, 4, 4))
    loss.backward()
    assert loss.item() == pytest.approx(0.001745427304, rel=1e-9)
    assert s.grad.norm().item() == pytest.approx(9.531730388e-4, rel=1e-9)


def test_against_loops():
    s, t = arr(1, 5, 3, 2), arr(2, 5, 7)
    assert losses.sp(s, t).item() == pytest.approx(brute_force(s, t), rel=1e-12)


def test_closed_form_of_two_examples():
    """Student: orthogonal, rows (1, 0), (0, 1). Teacher: equal, rows (1, 1) / sqrt 2."""
    s, t = torch.eye(2).double(), torch.ones(2, 1).double()
    expected = (2 * (1 - math.sqrt(0.5)) ** 2 + 2 * 0.5) / 4
    assert losses.sp(s, t).item() == pytest.approx(expected, rel=1e-12)


def test_zero_up_to_scale_and_rotation():
    s = arr(1, 6, 5)
    rotation = torch.linalg.qr(arr(2, 5, 5))[0]
    assert losses.sp(s, s).item() == 0
    assert losses.sp(-7 * s @ rotation, s).item() == pytest.approx(0, abs=1e-15)


def test_order_of_the_batch_does_not_matter_but_the_pairing_does():
    s, t = relu(1, 6, 5), relu(2, 6, 9)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    once = losses.sp(s, t).item()
    assert losses.sp(s[order], t[order]).item() == pytest.approx(once, rel=1e-12)
    assert losses.sp(s[order], t).item() != pytest.approx(once, rel=1e-3)


def test_a_dead_example_has_a_finite_gradient():
    s = relu(1, 4, 5)
    s[2] = 0
    s.requires_grad_()
    losses.sp(s, relu(2, 4, 5)).backward()
    assert torch.isfinite(s.grad).all()


def test_gradcheck():
    s, t = arr(1, 3, 4).requires_grad_(), arr(2, 3, 2)
    assert torch.autograd.gradcheck(lambda x: losses.sp(x, t), s)


@pytest.mark.parametrize("mixed", [False, True])
def test_half_precision_is_widened_under_autocast_too(mixed):
    s, t = relu(1, 8, 16).bfloat16(), relu(2, 8, 16).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
        loss = losses.sp(s, t)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(losses.sp(s.double(), t.double()).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        ((4,), (4, 3), "student must be"),
        ((4, 3), (4,), "teacher must be"),
        ((1, 3), (1, 3), "B >= 2"),
        ((4, 0), (4, 3), "student must be"),
        ((4, 3), (5, 3), "student has 4 examples and teacher 5"),
    ],
)
def test_shapes_that_do_not_fit_are_named(first, second, word):
    with pytest.raises(ValueError, match=word):
        losses.sp(torch.zeros(first), torch.zeros(second))


def test_whole_numbers_are_refused():
    with pytest.raises(ValueError, match="teacher must be floating point"):
        losses.sp(torch.ones(2, 3), torch.ones(2, 3, dtype=torch.long))
