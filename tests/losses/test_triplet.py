"""Triplets: the ported official value, brute force, closed forms, gradients, bad input."""

import math

import pytest
import torch

from labkit import losses


def official():
    """Anchor, negative, positive, in the order of the official code."""
    generator = torch.Generator().manual_seed(0)
    a, n, p = (
        torch.randn(8, 16, generator=generator, dtype=torch.float64).requires_grad_()
        for _ in range(3)
    )
    return a, p, n


def test_official_value_and_gradients():
    a, p, n = official()
    loss = losses.triplet(a, p, n)
    loss.backward()
    assert loss.item() == pytest.approx(0.2564498054, abs=1e-10)
    assert a.grad.norm().item() == pytest.approx(0.0719359590, abs=1e-10)
    assert p.grad.norm().item() == pytest.approx(0.0764057985, abs=1e-10)
    assert n.grad.norm().item() == pytest.approx(0.0764057985, abs=1e-10)


def test_against_loops():
    a, p, n = official()
    ratio = margin = 0.0
    for x, y, z in zip(a.tolist(), p.tolist(), n.tolist(), strict=True):
        near, far = math.dist(x, y), math.dist(x, z)
        d = math.exp(near) / (math.exp(near) + math.exp(far))
        assert d**2 + (1 - d - 1) ** 2 == pytest.approx(2 * d**2)  # the paper's form is twice this
        ratio, margin = ratio + d**2 / 8, margin + max(0.0, near - far + 0.5) / 8
    assert losses.triplet(a, p, n).item() == pytest.approx(ratio, rel=1e-12)
    assert losses.triplet_margin(a, p, n, margin=0.5).item() == pytest.approx(margin, rel=1e-12)


def test_chance_and_the_ends():
    a, far = torch.zeros(3, 2), torch.tensor([[30.0, 40.0]]).expand(3, 2)
    near = torch.zeros(3, 2)
    assert losses.triplet(a, far, -far).item() == pytest.approx(0.25)
    assert losses.triplet(a, near, far).item() == pytest.approx(0, abs=1e-12)
    assert losses.triplet(a, far, near).item() == pytest.approx(1)
    assert losses.triplet_margin(a, far, -far, margin=2.0).item() == pytest.approx(2)
    assert losses.triplet_margin(a, near, far).item() == 0
    assert losses.triplet_margin(a, far, near).item() == pytest.approx(51)


def test_the_ratio_form_always_has_a_gradient_the_margin_form_not():
    a = torch.zeros(1, 2, dtype=torch.float64)
    p = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    n = torch.tensor([[4.0, 0.0]], dtype=torch.float64)
    slopes = []
    for loss in (losses.triplet, losses.triplet_margin):
        x = p.clone().requires_grad_()
        loss(a, x, n).backward()
        slopes.append(x.grad.norm().item())
    assert slopes[0] > 0 and slopes[1] == 0


def test_gradients_and_coinciding_points():
    a, p, n = official()
    assert torch.autograd.gradcheck(losses.triplet, (a, p, n))
    same = torch.zeros(2, 3, requires_grad=True)
    losses.triplet(same, torch.zeros(2, 3), torch.zeros(2, 3)).backward()
    assert same.grad.isfinite().all()


def test_bad_input_is_named():
    a = torch.zeros(4, 3)
    with pytest.raises(ValueError, match="one shape"):
        losses.triplet(a, a, torch.zeros(3, 3))
    with pytest.raises(ValueError, match="one shape"):
        losses.triplet(torch.zeros(3), torch.zeros(3), torch.zeros(3))
    with pytest.raises(ValueError, match="margin"):
        losses.triplet_margin(a, a, a, margin=0)
