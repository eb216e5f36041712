"""RKD: published fixtures, brute force, closed forms, invariants, gradients, bad input."""

import math

import numpy as np
import pytest
import torch

from labkit import losses

TERMS = [losses.rkd, losses.rkd_distance, losses.rkd_angle]


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def relu(seed, *shape):
    return arr(seed, *shape).clamp_min(0)


def smooth(u):
    return u * u / 2 if abs(u) < 1 else abs(u) - 0.5


def loop_distances(rows):
    b = len(rows)
    d = [[math.dist(rows[i], rows[j]) for j in range(b)] for i in range(b)]
    mean = sum(map(sum, d)) / (b * (b - 1))
    return [value / mean for row in d for value in row]


def loop_angles(rows):
    out = []
    for j in rows:
        for i in rows:
            for k in rows:
                u = [a - b for a, b in zip(i, j, strict=True)]
                v = [a - b for a, b in zip(k, j, strict=True)]
                norms = math.hypot(*u) * math.hypot(*v)
                dot = sum(a * b for a, b in zip(u, v, strict=True))
                out.append(dot / norms if norms else 0.0)
    return out


def brute_force(s, t, relation):
    pairs = list(zip(relation(s.tolist()), relation(t.tolist()), strict=True))
    return sum(smooth(a - b) for a, b in pairs) / len(pairs)


@pytest.mark.parametrize(
    ("loss", "value", "slope"),
    [
        (losses.rkd, 0.4308944631, 0.2138279795),
        (losses.rkd_distance, 0.006000859756, 0.003562725282),
        (losses.rkd_angle, 0.005617459383, 0.002574256263),
    ],
)
def test_official_value_and_gradient(loss, value, slope):
    """RepDistiller and the authors' code agree on these."""
    s = relu(1, 16, 64).requires_grad_()
    got = loss(s, relu(2, 16, 128))
    got.backward()
    assert got.item() == pytest.approx(value, rel=1e-9)
    assert s.grad.norm().item() == pytest.approx(slope, rel=1e-9)


def test_against_loops():
    s, t = arr(1, 5, 3), arr(2, 5, 2) ** 3  # cubed: some distances differ by more than 1
    distance, angle = brute_force(s, t, loop_distances), brute_force(s, t, loop_angles)
    assert losses.rkd_distance(s, t).item() == pytest.approx(distance, rel=1e-12)
    assert losses.rkd_angle(s, t).item() == pytest.approx(angle, rel=1e-12)
    total = losses.rkd(s, t, distance_weight=2, angle_weight=3).item()
    assert total == pytest.approx(2 * distance + 3 * angle, rel=1e-12)


def test_closed_form_of_three_points():
    """Student on a line 0, 1, 2 (distances 1, 1, 2); teacher an equilateral triangle (all 1)."""
    s = torch.tensor([[0.0], [1], [2]]).double()
    t = torch.tensor([[0, 0], [1, 0], [0.5, math.sqrt(0.75)]], dtype=torch.float64)
    distance = 2 * (2 * smooth(1 / 4) + smooth(1 / 2)) / 9  # 3/4, 3/4, 3/2 against 1
    angle = 2 * (2 * smooth(1 - 1 / 2) + smooth(-1 - 1 / 2)) / 27  # cosines 1, 1, -1 against 1/2
    assert losses.rkd_distance(s, t).item() == pytest.approx(distance, rel=1e-12)
    assert losses.rkd_angle(s, t).item() == pytest.approx(angle, rel=1e-12)


@pytest.mark.parametrize("loss", TERMS)
def test_zero_up_to_scale_shift_and_rotation(loss):
    s = arr(1, 6, 4)
    moved = 5 * s @ torch.linalg.qr(arr(2, 4, 4))[0] + arr(3, 1, 4)
    assert loss(s, s).item() == 0
    assert loss(moved, s).item() == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("loss", TERMS)
def test_order_of_the_batch_does_not_matter(loss):
    s, t = relu(1, 6, 5), relu(2, 6, 9)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert loss(s[order], t[order]).item() == pytest.approx(loss(s, t).item(), rel=1e-12)


def test_close_examples_keep_their_distances_in_float32():
    """Points 1e-3 apart at distance 100 from the origin."""
    s = 100 + 1e-3 * torch.arange(12.0).reshape(4, 3) ** 2
    exact = losses.rkd(s.double(), arr(1, 4, 3)).item()
    assert losses.rkd(s, arr(1, 4, 3).float()).item() == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("alike", [2, 5])
def test_examples_that_coincide_have_an_ordinary_gradient(alike):
    s = arr(1, 5, 3)
    s[:alike] = 1
    s.requires_grad_()
    loss = losses.rkd(s, arr(2, 5, 4))
    loss.backward()
    assert torch.isfinite(loss)
    assert s.grad.abs().max() < 1e3


@pytest.mark.parametrize("loss", TERMS)
def test_gradcheck(loss):
    s, t = arr(1, 4, 3).requires_grad_(), arr(2, 4, 2)
    assert torch.autograd.gradcheck(lambda x: loss(x, t), s)


@pytest.mark.parametrize("mixed", [False, True])
def test_half_precision_is_widened_under_autocast_too(mixed):
    s, t = relu(1, 8, 16).bfloat16(), relu(2, 8, 16).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
        loss = losses.rkd(s, t)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(losses.rkd(s.double(), t.double()).item(), rel=1e-5)


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "1", True])
@pytest.mark.parametrize("name", ["distance_weight", "angle_weight"])
def test_bad_weights_name_themselves(name, value):
    with pytest.raises(ValueError, match=name):
        losses.rkd(torch.rand(3, 2), torch.rand(3, 2), **{name: value})


@pytest.mark.parametrize("loss", TERMS)
@pytest.mark.parametrize(("b_s", "b_t", "word"), [(1, 1, "B >= 2"), (3, 4, "one batch")])
def test_batches_that_do_not_fit_are_named(loss, b_s, b_t, word):
    with pytest.raises(ValueError, match=word):
        loss(torch.rand(b_s, 2), torch.rand(b_t, 2))
