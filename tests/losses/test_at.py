"""AT: a published fixture, brute force, closed forms, invariants, gradients, bad input."""

import math

import numpy as np
import pytest
import torch

from labkit import losses


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def relu(seed, *shape):
    return arr(seed, *shape).clamp_min(0)


def loop_map(example):
    """One example [C][H][W] in Python floats to its flat normalised attention."""
    height, width = len(example[0]), len(example[0][0])
    energy = [
        sum(channel[y][x] ** 2 for channel in example) / len(example)
        for y in range(height)
        for x in range(width)
    ]
    norm = math.sqrt(sum(e * e for e in energy))
    return [e / norm for e in energy]


def loop_stage(s, t):
    """One stage, maps of the same height and width."""
    total, count = 0.0, 0
    for student, teacher in zip(s.tolist(), t.tolist(), strict=True):
        for a, b in zip(loop_map(student), loop_map(teacher), strict=True):
            total, count = total + (a - b) ** 2, count + 1
    return total / count


def test_official_value_and_gradient():
    s = relu(1, 8, 24, 8, 8).requires_grad_()
    loss = losses.at([s], [relu(2, 8, 32, 4, 4)])
    loss.backward()
    assert loss.item() == pytest.approx(0.01247532467, rel=1e-9)
    assert s.grad.norm().item() == pytest.approx(0.001791565780, rel=1e-9)


def test_against_loops_and_stages_add_up():
    s, t = [arr(1, 3, 2, 3, 4), arr(2, 3, 5, 2, 2)], [arr(3, 3, 4, 3, 4), arr(4, 3, 1, 2, 2)]
    expected = sum(loop_stage(a, b) for a, b in zip(s, t, strict=True))
    assert losses.at(s, t).item() == pytest.approx(expected, rel=1e-12)


def test_the_larger_map_is_pooled_whichever_it_is():
    large, small = relu(1, 3, 4, 8, 6), relu(2, 3, 5, 4, 3)
    pooled = large.unflatten(2, (4, 2)).unflatten(4, (3, 2)).mean((3, 5))
    expected = loop_stage(pooled, small)
    assert losses.at([large], [small]).item() == pytest.approx(expected, rel=1e-12)
    assert losses.at([small], [large]).item() == pytest.approx(expected, rel=1e-12)


def test_attention_that_never_meets():
    """Two unit maps without overlap: squared distance 2, spread over H W = 4 places."""
    s, t = torch.zeros(1, 1, 2, 2).double(), torch.zeros(1, 1, 2, 2).double()
    s[..., 0, 0], t[..., 1, 1] = 3, 7
    assert losses.at([s], [t]).item() == pytest.approx(0.5, rel=1e-12)


def test_zero_for_equal_maps_of_any_scale_or_sign():
    s, scale = arr(1, 3, 4, 5, 5), arr(2, 3, 1, 1, 1)
    assert losses.at([s], [s]).item() == 0
    assert losses.at([scale * s], [s]).item() == pytest.approx(0, abs=1e-15)
    assert losses.at([s.repeat(1, 2, 1, 1)], [-s]).item() == pytest.approx(0, abs=1e-15)


def test_attention_map_has_norm_one_or_is_dead():
    maps = arr(1, 3, 4, 5, 6)
    maps[1] = 0
    norms = losses.attention_map(maps).flatten(1).norm(dim=1)
    assert norms.tolist() == pytest.approx([1, 0, 1], rel=1e-12)


def test_a_dead_map_has_a_finite_gradient():
    s = torch.zeros(2, 3, 4, 4, requires_grad=True)
    losses.at([s], [torch.rand(2, 3, 4, 4)]).backward()
    assert torch.isfinite(s.grad).all()


def test_gradcheck():
    s, t = arr(1, 2, 2, 4, 4).requires_grad_(), arr(2, 2, 3, 2, 2)
    assert torch.autograd.gradcheck(lambda x: losses.at([x], [t]), s)


def test_half_precision_is_widened():
    s, t = relu(1, 4, 8, 4, 4).bfloat16(), relu(2, 4, 8, 4, 4).bfloat16()
    loss = losses.at([s], [t])
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(losses.at([s.double()], [t.double()]).item(), rel=1e-5)


def test_arguments_are_not_changed():
    s, t = relu(1, 2, 3, 4, 4), relu(2, 2, 3, 4, 4)
    before = s.clone(), t.clone()
    losses.at([s], [t])
    assert torch.equal(s, before[0]) and torch.equal(t, before[1])


MAP = torch.zeros(2, 3, 4, 4)


@pytest.mark.parametrize(
    ("student", "teacher", "word"),
    [
        (MAP, [MAP], "student_maps"),
        ([MAP], MAP, "teacher_maps"),
        ([], [], "student_maps"),
        ([MAP, MAP], [MAP], "2 stages and teacher_maps 1"),
        ([MAP], [torch.zeros(3, 3, 4, 4)], "one batch"),
        ([MAP[0]], [MAP], "student_map"),
        ([MAP], [MAP.long()], "teacher_map must be floating"),
    ],
)
def test_what_does_not_fit_is_named(student, teacher, word):
    with pytest.raises(ValueError, match=word):
        losses.at(student, teacher)
