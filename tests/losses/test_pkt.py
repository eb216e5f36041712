"""PKT: a published fixture, brute force, closed forms, invariants, gradients, bad input."""

import math

import numpy as np
import pytest
import torch

from labkit import losses


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def relu(seed, *shape):
    return arr(seed, *shape).clamp_min(0)


def loop_similarity(rows, more):
    """Rows of shifted cosines that sum to 1; `more` is added to every norm."""
    out = []
    for a in rows:
        row = []
        for b in rows:
            dot = sum(u * v for u, v in zip(a, b, strict=True))
            row.append((1 + dot / ((math.hypot(*a) + more) * (math.hypot(*b) + more))) / 2)
        out += [value / sum(row) for value in row]
    return out


def brute_force(s, t, more=0.0):
    p, q = loop_similarity(t.tolist(), more), loop_similarity(s.tolist(), more)
    pairs = zip(p, q, strict=True)
    return sum(a * math.log((a + 1e-7) / (b + 1e-7)) for a, b in pairs) / len(p)


def test_official_value_and_gradient():
    """RepDistiller's, which has 1e-7 more in every norm; that is all of the difference."""
    s, t = relu(1, 16, 64).requires_grad_(), relu(2, 16, 128)
    loss = losses.pkt(s, t)
    loss.backward()
    assert brute_force(s, t, more=1e-7) == pytest.approx(1.671757036e-4, rel=1e-9)
    assert loss.item() == pytest.approx(1.671757036e-4, rel=1e-7)
    assert s.grad.norm().item() == pytest.approx(7.440761406e-5, rel=1e-7)


def test_against_loops():
    s, t = arr(1, 5, 3), arr(2, 5, 6)
    assert losses.pkt(s, t).item() == pytest.approx(brute_force(s, t), rel=1e-10)


def test_closed_form_of_two_examples():
    """Teacher: equal, rows (1/2, 1/2). Student: orthogonal, rows (2/3, 1/3)."""
    s, t = torch.eye(2).double(), torch.ones(2, 1).double()
    expected = 0.5 * (0.5 * math.log(3 / 4) + 0.5 * math.log(3 / 2))
    assert losses.pkt(s, t).item() == pytest.approx(expected, rel=1e-6)


def test_zero_up_to_a_scale_per_example_and_rotation():
    s = arr(1, 6, 5)
    moved = (0.1 + arr(2, 6, 1).abs()) * s @ torch.linalg.qr(arr(3, 5, 5))[0]
    assert losses.pkt(s, s).item() == 0
    assert losses.pkt(moved, s).item() == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scale_of_one_network_does_not_matter(scale):
    s, t = relu(1, 6, 5), relu(2, 6, 9)
    assert losses.pkt(scale * s, t).item() == pytest.approx(losses.pkt(s, t).item(), rel=1e-10)


def test_order_of_the_batch_does_not_matter():
    s, t = relu(1, 6, 5), relu(2, 6, 9)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    once = losses.pkt(s, t).item()
    assert losses.pkt(s[order], t[order]).item() == pytest.approx(once, rel=1e-10)


def test_opposite_examples_stay_finite():
    s = torch.tensor([[1.0, 0.3], [-1, -0.3]], requires_grad=True)
    loss = losses.pkt(s, torch.ones(2, 3))
    loss.backward()
    assert 1 < loss.item() < 16 / 2
    assert torch.isfinite(s.grad).all()


def test_a_dead_example_has_an_ordinary_gradient():
    s = relu(1, 4, 5)
    s[2] = 0
    s.requires_grad_()
    losses.pkt(s, relu(2, 4, 5)).backward()
    assert s.grad.abs().max() < 10


def test_gradcheck():
    s, t = arr(1, 4, 3).requires_grad_(), arr(2, 4, 2)
    assert torch.autograd.gradcheck(lambda x: losses.pkt(x, t), s)


def test_float32_keeps_five_digits():
    s, t = relu(1, 16, 64).float(), relu(2, 16, 128).float()
    assert losses.pkt(s, t).item() == pytest.approx(1.671757036e-4, rel=1e-5)


@pytest.mark.parametrize("mixed", [False, True])
def test_half_precision_is_widened_under_autocast_too(mixed):
    s, t = relu(1, 8, 16).bfloat16(), relu(2, 8, 16).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
        loss = losses.pkt(s, t)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(losses.pkt(s.double(), t.double()).item(), rel=1e-4)


@pytest.mark.parametrize(("b_s", "b_t", "word"), [(1, 1, "B >= 2"), (3, 4, "one batch")])
def test_batches_that_do_not_fit_are_named(b_s, b_t, word):
    with pytest.raises(ValueError, match=word):
        losses.pkt(torch.rand(b_s, 2), torch.rand(b_t, 2))
