"""The reference answers of lab 06, and the usual ways to write them."""

import pytest
import torch

from labkit.exercises import lab06


def test_the_line_is_what_pot_s_solver_finds():
    ot = pytest.importorskip("ot", reason="compared with POT")
    for a, b in lab06.line.inputs():
        weights = [1 / len(a)] * len(a)
        least = ot.emd2(weights, weights, (a[:, None] - b).abs().numpy())
        assert lab06.line.reference(a, b).item() == pytest.approx(least, abs=1e-12)


def test_ways_to_write_the_line():
    lists = lab06.line.check(lambda a, b: sorted(a) - sorted(b))
    assert lists.state == "wrong" and "TypeError" in lists.message
    ranks = lab06.line.check(lambda a, b: (a[a.argsort()] - b[b.argsort()]).abs().mean())
    assert ranks.state == "correct"
    paired = lab06.line.check(lambda a, b: torch.dist(a, b, p=1) / len(a))
    assert "heap i goes into hole i" in paired.message
    nearest = lab06.line.check(lambda a, b: torch.cdist(a[:, None], b[:, None]).amin(1).mean())
    assert "nearest" in nearest.message


def test_sinkhorn_s_plan_with_vectors_of_scales_is_the_same_plan():
    def scales(cost, epsilon, rounds):
        kernel, (n, m) = torch.exp(-cost / epsilon), cost.shape
        u = torch.ones(n, dtype=cost.dtype)
        for _ in range(rounds):
            v = 1 / m / (kernel.T @ u)
            u = 1 / n / (kernel @ v)
        return u[:, None] * kernel * v

    assert lab06.sinkhorn.check(scales).state == "correct"
    softmax = lab06.sinkhorn.check(lambda c, e, k: torch.softmax(-c / e, 1) / len(c))
    assert "holes may overflow" in softmax.message
    doubly = lab06.sinkhorn.check(lambda c, e, k: scales(c, e, k) * len(c))
    assert doubly.state == "wrong"


def test_ways_to_write_the_global_term():
    def term(t, s, w, norm):
        g = torch.einsum("id,de,je->ij", t, w / norm, s)
        n = len(g)
        return (g.sum() - g.trace()) / (n * (n - 1)) - g.trace() / n

    right = lab06.dual.check(lambda t, s, w: term(t, s, w, torch.linalg.svdvals(w)[0]))
    assert right.state == "correct"
    frobenius = lab06.dual.check(lambda t, s, w: term(t, s, w, w.norm()))
    assert "Frobenius" in frobenius.message
    plain = lab06.dual.check(lambda t, s, w: term(t, s, w, 1.0))
    assert "shouting" in plain.message


def test_the_gradient_is_autograd_s():
    for p, t, s in lab06.gradient.inputs():
        leaf = s.clone().requires_grad_()
        (slope,) = torch.autograd.grad((p * (1 - t @ leaf.T)).sum(), leaf)
        torch.testing.assert_close(slope, lab06.gradient.reference(p, t, s))
    turned = lab06.gradient.check(lambda p, t, s: -(p @ t))
    assert "needs its column" in turned.message
