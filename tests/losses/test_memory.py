"""The memory: who is drawn and how evenly, what is remembered, both ways to score, large K."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.losses import memory
from labkit.losses.memory import Memory, bank_scores


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(2, 40), st.booleans(), st.data())
def test_negatives_are_of_the_pool_and_never_twice(seed, samples, labelled, data):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (samples,), generator=generator) if labelled else None
    if labelled and len(labels.unique()) < 2:
        labels[0] = 9
    bank = Memory(samples, 2, labels=labels)
    index = torch.randint(samples, (5,), generator=generator)
    count = data.draw(st.integers(1, bank.pool + 3))
    drawn = bank.draw(index, count, generator)
    assert drawn.shape == (5, count)
    own = index if labels is None else labels[index]
    assert ((drawn if labels is None else labels[drawn]) != own[:, None]).all()
    if count <= bank.pool:
        assert all(len(set(row)) == count for row in drawn.tolist())


@pytest.mark.parametrize("count", [3, 9])
@pytest.mark.parametrize("labels", [None, torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2])])
def test_each_of_the_pool_is_as_likely(count, labels):
    """With K = 3 drawn once each, with K = 9 with replacement."""
    generator, bank, index = torch.Generator().manual_seed(0), Memory(9, 2, labels=labels), None
    index, seen, rounds = torch.arange(9).repeat(40), torch.zeros(9, 9), 60
    for _ in range(rounds):
        drawn = bank.draw(index, count, generator)
        for own in range(9):
            seen[own] += drawn[index == own].flatten().bincount(minlength=9)
    group = torch.arange(9) if labels is None else labels
    allowed = (group[:, None] != group).double()
    expected = allowed / allowed.sum(1, keepdim=True)
    assert (seen / (40 * rounds * count) - expected).abs().max() < 0.015


def test_two_anchors_draw_independently_although_they_share_a_permutation():
    """That i is drawn by one and j by the other: the product of both chances, for all i, j."""
    generator, bank = torch.Generator().manual_seed(0), Memory(8, 2)
    both, rounds = torch.zeros(8, 8), 2500
    for _ in range(rounds):
        first, second = bank.draw(torch.tensor([0, 1]), 3, generator)
        both[first[:, None], second] += 1
    expected = torch.outer((torch.arange(8) != 0).float(), (torch.arange(8) != 1).float())
    assert (both / rounds - expected * (3 / 7) ** 2).abs().max() < 0.045


def test_the_draw_depends_on_its_generator_alone():
    bank, index = Memory(50, 2), torch.arange(10)
    one, two = (bank.draw(index, 7, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    state = torch.get_rng_state()
    bank.draw(index, 7, torch.Generator().manual_seed(3))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(one, bank.draw(index, 7, torch.Generator().manual_seed(4)))


def test_slots_move_by_the_momentum_and_stay_on_the_sphere():
    bank = Memory(5, 3, momentum=0.25)
    before, new = bank.student.clone(), torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.6, 0.8]])
    bank.remember(torch.tensor([4, 1]), new, -new)
    for row, slot in enumerate((4, 1)):
        mixed = 0.25 * before[slot] + 0.75 * new[row]
        assert torch.allclose(bank.student[slot], mixed / mixed.norm())
    kept = [0, 2, 3]
    assert torch.equal(bank.student[kept], before[kept])
    assert bank.teacher[4].norm().item() == pytest.approx(1.0)


def test_slots_start_with_expected_squared_length_one():
    torch.manual_seed(0)
    bank = Memory(4000, 32)
    assert bank.student.square().sum(1).mean().item() == pytest.approx(1.0, abs=0.01)
    assert bank.teacher.abs().max().item() <= (3 / 32) ** 0.5
    assert set(bank.state_dict()) == {"student", "teacher"}


def test_both_ways_to_score_agree_with_their_gradients(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    bank = torch.randn(300, 6, generator=generator, dtype=torch.float64)
    columns = torch.randint(300, (4, 11), generator=generator)
    outer = torch.randn(4, 11, generator=generator, dtype=torch.float64)
    found = []
    for rows_per_negative, block in ((1000, 1), (0, 60), (0, 10**6)):
        monkeypatch.setattr(memory, "WHOLE", rows_per_negative)
        monkeypatch.setattr(memory, "BLOCK", block)
        anchor = torch.arange(24, dtype=torch.float64).view(4, 6).cos().requires_grad_()
        scores = bank_scores(anchor, bank, columns)
        scores.backward(outer)
        found.append((scores.detach(), anchor.grad))
        assert torch.autograd.gradcheck(lambda x: bank_scores(x, bank, columns), anchor)
    expected = (bank[columns] * anchor.detach()[:, None]).sum(2)
    for scores, slope in found:
        torch.testing.assert_close(scores, expected)
        torch.testing.assert_close(slope, found[0][1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda bank: bank.draw(torch.arange(3), 0), "negatives"),
        (lambda bank: bank.draw(torch.arange(3), 2.5), "negatives"),
        (lambda bank: bank.draw(torch.tensor([6]), 1), "index must be in 0..5, got 6..6"),
        (lambda bank: bank.draw(torch.tensor([True]), 1), "whole numbers"),
        (lambda bank: Memory(1, 2), "samples"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(Memory(6, 2))
