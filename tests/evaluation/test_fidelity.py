"""Fidelity against loops, and where it is known."""

import math

import torch
from pytest import approx, mark, raises

from labkit.evaluation.fidelity import fidelity


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@mark.parametrize("temperature", [1.0, 4.0])
def test_by_loops(temperature):
    ours, theirs = 3 * draw(0, 40, 6), 2 * draw(1, 40, 6)
    same, total = 0, 0.0
    for s, t in zip(ours.tolist(), theirs.tolist(), strict=True):
        same += s.index(max(s)) == t.index(max(t))
        q, p = ([math.exp(v / temperature) for v in row] for row in (s, t))
        total += sum(
            a / sum(p) * math.log(a / sum(p) * sum(q) / b) for a, b in zip(p, q, strict=True)
        )
    found = fidelity(ours, theirs, temperature=temperature)
    assert found == approx((same / 40, total / 40), rel=1e-5)


def test_itself_a_shift_and_chance():
    logits = 5 * draw(0, 50, 7)
    assert fidelity(logits, logits) == (1, 0)
    assert fidelity(logits, logits + 3) == approx((1, 0), abs=1e-6)
    uniform = fidelity(torch.zeros(50, 7), 100 * torch.eye(7).repeat(8, 1)[:50])
    assert uniform.divergence == approx(math.log(7))
    assert fidelity(draw(1, 9000, 5), draw(2, 9000, 5)).agreement == approx(0.2, abs=0.02)


def test_the_teacher_s_certain_error_costs_the_student_more_than_its_own():
    """KL(teacher || student) is not symmetric: missing what the teacher expects is what counts."""
    sharp, flat = torch.tensor([[6.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    assert fidelity(sharp, flat).divergence > 2 * fidelity(flat, sharp).divergence


def test_bad_input_is_named():
    for ours, theirs in ((draw(0, 3, 4), draw(0, 3, 5)), (draw(0, 3), draw(0, 3))):
        with raises(ValueError, match=r"both be \[N, C\]"):
            fidelity(ours, theirs)
    with raises(ValueError, match="at least one picture"):
        fidelity(torch.zeros(0, 4), torch.zeros(0, 4))
    with raises(ValueError, match="temperature"):
        fidelity(draw(0, 3, 4), draw(0, 3, 4), temperature=0)
