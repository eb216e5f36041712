"""FitNet: a published fixture, brute force, closed forms, gradients, bad input."""

import numpy as np
import pytest
import torch

from labkit import losses


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def relu(seed, *shape):
    return arr(seed, *shape).clamp_min(0)


def test_official_value_and_gradient():
    s = relu(5, 8, 32, 4, 4).requires_grad_()
    loss = losses.fitnet(s, relu(2, 8, 32, 4, 4))
    loss.backward()
    assert loss.item() == pytest.approx(0.6865256391, rel=1e-9)
    assert s.grad.norm().item() == pytest.approx(0.02589276336, rel=1e-9)


def test_against_loops():
    s, t = arr(1, 2, 3, 2, 4), arr(2, 2, 3, 2, 4)
    pairs = list(zip(s.flatten().tolist(), t.flatten().tolist(), strict=True))
    expected = sum((a - b) ** 2 for a, b in pairs) / len(pairs)
    assert losses.fitnet(s, t).item() == pytest.approx(expected, rel=1e-12)


def test_closed_forms():
    s = arr(1, 2, 3, 4, 4)
    assert losses.fitnet(s, s).item() == 0
    assert losses.fitnet(s + 3, s).item() == pytest.approx(9, rel=1e-12)


def test_scale_counts_squared():
    s, t = arr(1, 2, 3, 4, 4), arr(2, 2, 3, 4, 4)
    once = losses.fitnet(s, t).item()
    assert losses.fitnet(5 * s, 5 * t).item() == pytest.approx(25 * once, rel=1e-12)


def test_gradcheck():
    s, t = arr(1, 2, 2, 2, 2).requires_grad_(), arr(2, 2, 2, 2, 2)
    assert torch.autograd.gradcheck(lambda x: losses.fitnet(x, t), s)


def test_half_precision_is_widened():
    s, t = relu(1, 4, 8, 4, 4).bfloat16(), relu(2, 4, 8, 4, 4).bfloat16()
    loss = losses.fitnet(s, t)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(losses.fitnet(s.double(), t.double()).item(), rel=1e-6)


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        ((2, 3, 4, 4), (2, 4, 4, 4), "one shape"),
        ((2, 3, 4, 4), (2, 3, 2, 2), "one shape"),
        ((2, 3, 4, 4), (3, 3, 4, 4), "one batch"),
        ((2, 3), (2, 3), "adapted_map"),
        ((2, 3, 4, 4), (2, 3), "teacher_map"),
        ((0, 3, 4, 4), (0, 3, 4, 4), "adapted_map"),
    ],
)
def test_shapes_that_do_not_fit_are_named(first, second, word):
    with pytest.raises(ValueError, match=word):
        losses.fitnet(torch.zeros(first), torch.zeros(second))


def test_whole_numbers_are_refused():
    maps = torch.zeros(2, 3, 4, 4)
    with pytest.raises(ValueError, match="teacher_map must be floating point"):
        losses.fitnet(maps, maps.long())
