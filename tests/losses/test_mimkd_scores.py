"""MIMKD's functions: DIM's numbers, chance and the least value, scores, heat maps and nats."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from labkit import losses
from labkit.losses import mutual_information as mi

LEAST = -2 * math.log(2)


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def others(scores):
    return scores[~torch.eye(len(scores), dtype=torch.bool)]


def dim_scores(positions=9):
    """DIM's local features [B, units, n] and global vectors [B, units, 1], as its code has them."""
    local = (0.5 * arr(1, 6, 16, positions)).requires_grad_()
    vector = 0.5 * arr(2, 6, 16, 1)
    return local, losses.mimkd_scores(vector.transpose(1, 2), local.transpose(1, 2))


@pytest.mark.parametrize(
    ("positions", "value", "slope"),
    [(9, 0.2052448260, 0.1715167919), (1, 0.2632318364, 0.5516814492)],
)
def test_the_jsd_of_dims_code(positions, value, slope):
    """Local and global: value and length of the gradient."""
    local, scores = dim_scores(positions)
    found = losses.mimkd_jsd(scores.diagonal(), others(scores))
    found.backward()
    assert found.item() == approx(value, abs=1e-9)
    assert local.grad.norm().item() == approx(slope, abs=1e-9)


def test_the_info_nce_of_dims_code_counts_its_own_picture():
    """It sets scores with the positive's own picture to -10, which is not minus infinity."""
    _, scores = dim_scores()  # [6, 6, 9]
    off = ~torch.eye(6, dtype=torch.bool)
    rest = torch.stack([scores[i][off[i]].flatten() for i in range(6)])  # [6, 45]
    positives, negatives = scores.diagonal().T.flatten(), rest.repeat_interleave(9, 0)
    found = []
    for extra in (torch.full((54, 9), -10.0), torch.empty(54, 0)):
        every = torch.cat([negatives, extra.double()], 1)
        nats = mi.info_nce_explicit(positives, every)
        found.append(math.log(every.shape[1] + 1) - nats.item())
    assert found[0] == approx(4.264145087, abs=1e-9)
    assert 1e-6 < found[0] - found[1] < 1e-5


def test_the_loss_is_the_jsd_bound_shifted_and_turned_round():
    scores = 3 * arr(1, 7, 7)
    found = losses.mimkd_jsd(scores.diagonal(), others(scores)).item()
    assert found == approx(-mi.jsd(scores).item() - 2 * math.log(2), rel=1e-12)
    generator = -(F.logsigmoid(scores.diagonal()).mean() + F.logsigmoid(-others(scores)).mean())
    assert found == approx(generator.item() - 2 * math.log(2), rel=1e-12)


def test_nothing_at_chance_and_the_least_value():
    zero, sure = torch.zeros(4).double(), torch.full((4,), 60.0).double()
    assert losses.mimkd_jsd(zero, zero).item() == approx(0, abs=1e-15)
    assert losses.mimkd_jsd(sure, -sure).item() == approx(LEAST, abs=1e-12)
    assert losses.mimkd_jsd(-sure, sure).item() == approx(120 + LEAST)  # sure and wrong


@given(st.integers(0, 10_000), st.floats(0, 1e3), st.floats(-1e3, 1e3))
def test_never_below_the_least_and_a_constant_tells_nothing(seed, scale, shift):
    scores = scale * arr(seed, 4, 4) + shift
    assert losses.mimkd_jsd(scores.diagonal(), others(scores)).item() >= LEAST - 1e-12
    flat = torch.full((4, 4), shift).double()
    assert losses.mimkd_jsd(flat, flat).item() >= -1e-12


@pytest.mark.parametrize("positions", [1, 5])
def test_scores_by_loops(positions):
    x, y = arr(1, 3, positions, 4), arr(2, 3, 5, 4)
    scores = losses.mimkd_scores(x, y, temperature=0.2)
    assert scores.shape == (3, 3, 5)
    for i in range(3):
        for j in range(3):
            for n in range(5):
                dot = sum(a * b for a, b in zip(x[i, n % positions], y[j, n], strict=True))
                assert scores[i, j, n].item() == approx(dot.item() / 0.2, rel=1e-12)


def test_a_heat_map_is_the_own_scores_less_those_of_the_other_vectors():
    scores = arr(1, 4, 4, 2, 3)
    plain, centred = losses.mimkd_heat(scores), losses.mimkd_heat(scores, centred=True)
    assert plain.shape == centred.shape == (4, 2, 3)
    for j in range(4):
        rest = sum(scores[i, j] for i in range(4) if i != j) / 3
        torch.testing.assert_close(plain[j], scores[j, j])
        torch.testing.assert_close(centred[j], scores[j, j] - rest)
    anywhere = scores + arr(2, 1, 4, 2, 3)  # places that please every vector
    torch.testing.assert_close(losses.mimkd_heat(anywhere, centred=True), centred)
    assert losses.mimkd_heat(scores[:1, :1]).shape == (1, 2, 3)


def test_nats_position_by_position():
    scores = 2 * arr(1, 5, 5, 2, 3)
    for name, bound in losses.mimkd.READOUTS.items():
        found = losses.mimkd_nats(scores, readout=name)
        assert found.shape == (2, 3)
        assert found[1, 2].item() == approx(bound(scores[..., 1, 2]).item(), rel=1e-12)
        assert losses.mimkd_nats(scores[..., 0, 0], readout=name).shape == ()
        assert losses.mimkd_nats(torch.zeros(5, 5, 4), readout=name).abs().max() < 1e-6
    sure = (40 * torch.eye(5))[..., None].expand(5, 5, 3)
    assert losses.mimkd_nats(sure)[0].item() == approx(math.log(5), abs=1e-6)
    assert losses.mimkd_nats(sure, readout="dv")[0].item() == approx(40)


def test_the_same_loss_hides_nats():
    """Once every pair is told from the others the JSD has ended; its critic's nats have not."""
    found = []
    for gap in (8.0, 16.0):
        scores = torch.full((8, 8), -gap).double() + 2 * gap * torch.eye(8).double()
        nats = losses.mimkd_nats(scores, readout="dv").item()
        found.append((losses.mimkd_jsd(scores.diagonal(), others(scores)).item(), nats))
    assert found[0][0] - found[1][0] < 1e-3 and found[1][1] - found[0][1] == approx(16)


def test_gradcheck():
    joint, product = arr(1, 4).requires_grad_(), arr(2, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(losses.mimkd_jsd, (joint, product))
    x, y = arr(1, 3, 1, 2).requires_grad_(), arr(2, 3, 4, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda *a: losses.mimkd_scores(*a, temperature=0.3), (x, y))


X = arr(1, 6, 7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: losses.mimkd_jsd(X[:0], X), "joint"),
        (lambda: losses.mimkd_jsd(X, X.long()), "product"),
        (lambda: losses.mimkd_scores(X, X), r"x must be \[B, N, D\]"),
        (lambda: losses.mimkd_scores(arr(1, 3, 2, 4), arr(1, 3, 5, 4)), r"y \[B, N, D\]"),
        (
            lambda: losses.mimkd_scores(arr(1, 3, 5, 4), arr(1, 3, 5, 4), temperature=0),
            "temperature",
        ),
        (lambda: losses.mimkd_nats(arr(1, 4, 4), readout="nce"), "unknown readout 'nce'"),
        (lambda: losses.mimkd_nats(arr(1, 4)), r"scores must be \[B, B, ...\]"),
        (lambda: losses.mimkd_nats(arr(1, 4, 3, 2)), r"scores must be \[B, B\]"),
        (lambda: losses.mimkd_heat(arr(1, 4, 4)), r"scores must be \[B, B, H, W\]"),
        (lambda: losses.mimkd_heat(arr(1, 1, 1, 2, 2), centred=True), r"\[B, B, H, W\]"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
