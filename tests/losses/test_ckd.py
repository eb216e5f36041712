"""CKD: published fixtures, brute force, the band, invariants, masks, gradients, bad input."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labkit import losses


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def fixture():
    return 2 * arr(1, 16, 100), 3 * arr(2, 16, 100)


@pytest.mark.parametrize(
    ("temperature", "value", "slope"),
    [
        (1.0, 2.763104734, 0.01221535069),
        (2.0, 2.766547937, 0.006108751529),
        (0.07, 3.531832879, 0.1882396653),
    ],
)
def test_official_values_and_gradients(temperature, value, slope):
    s, t = fixture()
    loss = losses.ckd(s.requires_grad_(), t, temperature=temperature)
    loss.backward()
    assert loss.item() == pytest.approx(value, abs=1e-9)
    assert s.grad.norm().item() == pytest.approx(slope, rel=1e-9)


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / (math.hypot(*a) * math.hypot(*b))


def loop(s, t, tau, own=False, labels=None, reverse=False):
    total, rows = 0.0, len(s)
    for i in range(rows):
        positive, sum_ = math.exp(cosine(t[i], s[i]) / tau), 0.0
        for j in range(rows):
            if j == i or (labels is not None and labels[i] == labels[j]):
                continue
            pair = (s[i], s[j]) if own else (t[j], s[i]) if reverse else (t[i], s[j])
            sum_ += math.exp(cosine(*pair) / tau)
        total -= math.log(positive / (positive + sum_))
    return total / rows


def test_against_loops_in_every_form():
    s, t = arr(1, 6, 4), arr(2, 6, 4)
    labels = torch.tensor([0, 1, 0, 2, 1, 2])
    rows = (s.tolist(), t.tolist(), 0.5)
    ckd = lambda **more: losses.ckd(s, t, temperature=0.5, **more).item()  # noqa: E731
    forward, back = loop(*rows), loop(*rows, reverse=True)
    assert ckd() == pytest.approx(forward, rel=1e-12)
    assert ckd(pairs="student-student") == pytest.approx(loop(*rows, own=True), rel=1e-12)
    assert ckd(symmetric=True) == pytest.approx((forward + back) / 2, rel=1e-12)
    assert ckd(labels=labels) == pytest.approx(loop(*rows, labels=labels.tolist()), rel=1e-12)


@pytest.mark.parametrize(("batch", "tau"), [(4, 1.0), (64, 1.0), (64, 0.1), (8, 2.0)])
def test_the_band_is_reached_and_the_mistaken_ceiling_is_not(batch, tau):
    """A simplex reaches the bottom, equal logits the top."""
    low, high = losses.ckd_band(batch, temperature=tau)
    simplex = torch.eye(batch, dtype=torch.float64) - 1 / batch
    assert losses.ckd(simplex, simplex, temperature=tau).item() == pytest.approx(low, rel=1e-9)
    equal = torch.ones(batch, 3, dtype=torch.float64)
    assert losses.ckd(equal, equal, temperature=tau).item() == pytest.approx(high, rel=1e-12)
    assert high == pytest.approx(math.log(batch))


def test_the_band_of_the_papers_setting_is_one_nat_wide():
    low, high = losses.ckd_band(64, temperature=1.0)
    assert (low, high) == (pytest.approx(3.170, abs=5e-4), pytest.approx(4.159, abs=5e-4))
    fewer = losses.ckd_band(64, temperature=1.0, negatives=8)
    assert fewer[1] == pytest.approx(math.log(9)) and fewer[0] < low


@given(st.integers(0, 10_000), st.floats(0.05, 5), st.integers(2, 12))
def test_never_below_the_band(seed, tau, batch):
    generator = torch.Generator().manual_seed(seed)
    s, t = torch.randn(2, batch, 20, generator=generator, dtype=torch.float64)
    low, _ = losses.ckd_band(batch, temperature=tau)
    # the least is for equal pairwise cosines; a single batch's mean cannot beat it by convexity
    assert losses.ckd(s, s, temperature=tau).item() >= low - 1e-9
    assert losses.ckd(s, t, temperature=tau).item() >= 0


def test_scaling_changes_nothing_and_a_shift_does_the_mirror_image_of_kd():
    s, t = fixture()
    scaled = s * torch.rand(16, 1, dtype=torch.float64).add(0.5)
    ckd = lambda x: losses.ckd(x, t, temperature=0.07).item()  # noqa: E731
    kd = lambda x: losses.kd(x, t, temperature=4).item()  # noqa: E731
    assert ckd(scaled) == pytest.approx(ckd(s), rel=1e-12)
    assert kd(scaled) != pytest.approx(kd(s), rel=1e-3)
    assert ckd(s + 3) != pytest.approx(ckd(s), rel=1e-3)
    assert kd(s + 3) == pytest.approx(kd(s), rel=1e-12)


def test_drawn_negatives_are_k_others_evenly_and_never_of_the_class():
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 0, 1, 1, 2, 3, 4, 5])
    counts = torch.zeros(8, 8)
    for _ in range(600):
        kept = losses.ckd_pairs(8, negatives=3, labels=labels, generator=generator)
        assert kept.diagonal().all() and (kept.sum(1) == 4).all()
        counts += kept
    assert counts[0, 1] == counts[3, 2] == 0
    others = counts[4][[0, 1, 2, 3, 5, 6, 7]]
    assert (others / 600 - 3 / 7).abs().max() < 0.08
    few = losses.ckd_pairs(4, negatives=3, labels=torch.tensor([0, 0, 0, 1]))
    assert few.sum(1).tolist() == [2, 2, 2, 4]  # no more than there are


def test_chance_is_log_k_plus_one_for_drawn_negatives():
    equal = torch.ones(10, 3, dtype=torch.float64)
    for k in (1, 4, 9):
        loss = losses.ckd(equal, equal, negatives=k)
        assert loss.item() == pytest.approx(math.log(k + 1), rel=1e-12)


def test_a_student_that_knows_only_the_class_stops_above_the_floor():
    """Ten classes at batch 256: its expected loss at a cold temperature is near 3.26 nats."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(40):
        labels = torch.randint(10, (256,), generator=generator)
        class_only = torch.eye(10, dtype=torch.float64)[labels]
        found.append(losses.ckd(class_only, class_only, temperature=0.01).item())
    assert sum(found) / 40 == pytest.approx(3.26, abs=0.02)


@pytest.mark.parametrize("more", [{}, {"symmetric": True}, {"pairs": "student-student"}])
def test_gradients(more):
    s, t = arr(1, 5, 4).requires_grad_(), arr(2, 5, 4)
    assert torch.autograd.gradcheck(lambda x: losses.ckd(x, t, temperature=0.7, **more), s)


def test_a_zero_student_and_half_precision_are_ordinary():
    s, t = fixture()
    zero = torch.zeros_like(s).requires_grad_()
    loss = losses.ckd(zero, t)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(16)) and zero.grad.isfinite().all()
    assert losses.ckd(s.bfloat16(), t.bfloat16()).item() == pytest.approx(2.763, abs=0.01)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"temperature": 0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"negatives": 0}, "negatives"),
        ({"negatives": 16}, "at most 15"),
        ({"negatives": 1.5}, "negatives"),
        ({"pairs": "teacher"}, "teacher-student"),
        ({"pairs": "student-student", "symmetric": True}, "symmetric"),
        ({"labels": torch.zeros(3)}, "labels must be"),
    ],
)
def test_bad_input_is_named(more, message):
    s, t = fixture()
    with pytest.raises(ValueError, match=message):
        losses.ckd(s, t, **more)


def test_one_example_has_no_negatives():
    with pytest.raises(ValueError, match="at least 2"):
        losses.ckd(torch.ones(1, 3), torch.ones(1, 3))
    with pytest.raises(ValueError, match="batch"):
        losses.ckd_band(1, temperature=1.0)
