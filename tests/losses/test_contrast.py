"""InfoNCE, NT-Xent, alignment, uniformity: known angles, closed forms, brute force, bad input."""

import math

import pytest
import torch

from labkit import losses

DEGREES = (0, 10, 20, 50, 60, 80)


def angles(degrees=DEGREES):
    rad = torch.tensor([math.radians(d) for d in degrees], dtype=torch.float64)
    return torch.stack([rad.cos(), rad.sin()], 1)  # [6, 2]


def cos(a, b):
    return math.cos(math.radians(a - b))


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("tau", [0.1, 0.5, 1.0])
def test_info_nce_on_known_angles(tau):
    """Pairs (0, 10), (20, 50), (60, 80): every cosine is one of a known angle."""
    anchor, positive = angles((0, 20, 60)), angles((10, 50, 80))
    total = 0.0
    for i, a in enumerate((0, 20, 60)):
        parts = [math.exp(cos(a, p) / tau) for p in (10, 50, 80)]
        total -= math.log(parts[i] / sum(parts))
    found = losses.info_nce(3 * anchor, positive, temperature=tau).item()  # length plays no part
    assert found == pytest.approx(total / 3, rel=1e-12)


@pytest.mark.parametrize("tau", [0.1, 0.5, 1.0])
def test_nt_xent_on_known_angles(tau):
    first, second = (0, 20, 60), (10, 50, 80)
    views = first + second
    total = 0.0
    for i, a in enumerate(views):
        parts = [math.exp(cos(a, b) / tau) for b in views]
        total -= math.log(parts[(i + 3) % 6] / (sum(parts) - parts[i]))
    found = losses.nt_xent(angles(first), angles(second), temperature=tau).item()
    assert found == pytest.approx(total / 6, rel=1e-12)


@pytest.mark.parametrize("tau", [0.07, 1.0, 5.0])
def test_nt_xent_closed_forms(tau):
    n = 8
    equal = torch.ones(n, 4, dtype=torch.float64)
    apart = torch.eye(2 * n, dtype=torch.float64)
    chance = pytest.approx(math.log(2 * n - 1), rel=1e-12)
    assert losses.nt_xent(equal, equal, temperature=tau).item() == chance
    assert losses.nt_xent(apart[:n], apart[n:], temperature=tau).item() == chance
    solved = math.log1p((2 * n - 2) * math.exp(-1 / tau))
    found = losses.nt_xent(apart[:n], apart[:n], temperature=tau).item()
    assert found == pytest.approx(solved, rel=1e-9)


@pytest.mark.parametrize("k", [1, 15, 255, 4095])
def test_info_nce_at_chance_is_log_k_plus_one(k):
    anchor = torch.ones(3, 2, dtype=torch.float64)
    loss = losses.info_nce(anchor, anchor, torch.ones(k, 2, dtype=torch.float64), temperature=0.3)
    assert loss.item() == pytest.approx(math.log(k + 1), rel=1e-12)


def test_shared_and_own_negatives_agree_and_the_batch_is_its_own():
    anchor, positive, negatives = randn(4, 5), randn(4, 5, seed=1), randn(7, 5, seed=2)
    own = negatives.expand(4, 7, 5)
    nce = lambda n: losses.info_nce(anchor, positive, n, temperature=0.2).item()  # noqa: E731
    assert nce(negatives) == pytest.approx(nce(own), rel=1e-12)
    others = torch.stack([positive[[j for j in range(4) if j != i]] for i in range(4)])
    assert nce(None) == pytest.approx(nce(others), rel=1e-12)


def test_nt_xent_is_scale_free_and_symmetric():
    """The gradient is orthogonal to each embedding; swapping the views changes nothing."""
    a, b = randn(5, 3).requires_grad_(), randn(5, 3, seed=1)
    loss = losses.nt_xent(a, b, temperature=0.3)
    loss.backward()
    assert (a.grad * a.detach()).sum(1).abs().max() < 1e-12
    assert losses.nt_xent(b, a, temperature=0.3).item() == pytest.approx(loss.item(), rel=1e-12)


def test_alignment_and_uniformity_on_known_angles():
    found = losses.alignment(angles((0, 20)), angles((10, 50))).item()
    assert found == pytest.approx(((2 - 2 * cos(0, 10)) + (2 - 2 * cos(20, 50))) / 2, rel=1e-12)
    pairs = [math.exp(-2 * (2 - 2 * cos(a, b))) for a in DEGREES for b in DEGREES if a != b]
    expected = math.log(sum(pairs) / len(pairs))
    assert losses.uniformity(angles()).item() == pytest.approx(expected, rel=1e-9)


def test_the_ends_of_alignment_and_uniformity():
    x = randn(6, 4)
    assert losses.alignment(x, 2 * x).item() == pytest.approx(0, abs=1e-12)
    assert losses.alignment(x, -x).item() == pytest.approx(4)
    assert losses.uniformity(torch.ones(6, 4)).item() == pytest.approx(0, abs=1e-6)
    poles = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert losses.uniformity(poles).item() == pytest.approx(-8)


def test_gradients():
    a, b = randn(4, 3).requires_grad_(), randn(4, 3, seed=1)
    n = randn(4, 2, 3, seed=2)
    for loss in (
        lambda x: losses.info_nce(x, b, temperature=0.5),
        lambda x: losses.info_nce(x, b, n, temperature=0.5),
        lambda x: losses.nt_xent(x, b, temperature=0.5),
        lambda x: losses.alignment(x, b),
        losses.uniformity,
    ):
        assert torch.autograd.gradcheck(loss, a)


def test_zero_vectors_and_half_precision_are_ordinary():
    zero = torch.zeros(4, 3, requires_grad=True)
    loss = losses.nt_xent(zero, torch.ones(4, 3), temperature=0.1)
    loss.backward()
    assert zero.grad.isfinite().all()
    a, b = randn(8, 16), randn(8, 16, seed=1)
    full = losses.nt_xent(a, b, temperature=0.1).item()
    half = losses.nt_xent(a.bfloat16(), b.bfloat16(), temperature=0.1)
    assert half.dtype == torch.float32 and half.item() == pytest.approx(full, rel=0.02)


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), "1"])
def test_temperature_is_checked(temperature):
    a = randn(4, 3)
    for loss in (losses.info_nce, losses.nt_xent):
        with pytest.raises(ValueError, match="temperature"):
            loss(a, a, temperature=temperature)


def test_shapes_are_checked():
    a = randn(4, 3)
    with pytest.raises(ValueError, match="need one shape"):
        losses.nt_xent(a, randn(4, 2), temperature=1)
    with pytest.raises(ValueError, match="B >= 2"):
        losses.info_nce(a[:1], a[:1], temperature=1)
    with pytest.raises(ValueError, match=r"negatives must be \[K, 3\]"):
        losses.info_nce(a, a, randn(5, 2), temperature=1)
    with pytest.raises(ValueError, match="negatives"):
        losses.info_nce(a, a, randn(3, 5, 3), temperature=1)
    with pytest.raises(ValueError, match="floating"):
        losses.uniformity(torch.ones(4, 3, dtype=torch.long))
