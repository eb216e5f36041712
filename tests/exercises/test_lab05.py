"""The reference answers of lab 05 against the library, and the usual ways to write them."""

import pytest
import torch
import torch.nn.functional as F

from labkit import losses
from labkit.exercises import lab05
from labkit.losses.memory import Memory


def test_belief_and_loss_together_are_the_library_s_side():
    for cosines, tau, z, n in lab05.belief.inputs():
        h = lab05.belief.reference(cosines, tau, z, n)
        side = losses.nce((cosines / tau).exp().log() - torch.tensor(z).log(), samples=n)
        assert lab05.loss.reference(h).item() == pytest.approx(side.item(), rel=1e-5)


def test_beliefs_as_a_student_would_write_them():
    def right(cosines, tau, z, n):
        scores = torch.exp(cosines / tau) / z
        return scores / (scores + (cosines.shape[1] - 1) / n + 1e-7)

    assert lab05.belief.check(right).state == "correct"
    plain = lab05.belief.check(lambda c, tau, z, n: right(c, tau, 1.0, n))
    assert "Z is missing" in plain.message
    soft = lab05.belief.check(lambda c, tau, z, n: F.softmax(c / tau, dim=1))
    assert "softmax" in soft.message


def test_losses_as_a_student_would_write_them():
    def right(h):
        target = torch.zeros_like(h)
        target[:, 0] = 1
        return F.binary_cross_entropy(h, target, reduction="sum") / len(h)

    assert lab05.loss.check(right).state == "correct"
    mean = lab05.loss.check(lambda h: right(h) / h.shape[1])
    assert "averaged over all pairs" in mean.message
    summed = lab05.loss.check(lambda h: right(h) * len(h))
    assert "over the batch" in summed.message


def test_the_bank_is_the_library_s():
    for bank, index, e, momentum in lab05.remember.inputs():
        memory = Memory(len(bank), bank.shape[1], momentum=momentum).double()
        memory.teacher.copy_(bank)
        memory.remember(index, e, e)
        expected = lab05.remember.reference(bank, index, e, momentum)
        torch.testing.assert_close(memory.teacher, expected)
    turned = lab05.remember.check(lambda v, i, e, m: lab05.remember.reference(v, i, e, 1 - m))
    assert "old embedding's share" in turned.message


def test_the_first_z_is_the_library_s():
    torch.manual_seed(0)
    crd = losses.CRD(6, 7, 40, negatives=9, temperature=0.2, dim=5).double()
    s, t = torch.rand(4, 6).double(), torch.rand(4, 7).double()
    index = torch.arange(4)
    others = crd.memory.draw(index, 9)
    e, _ = crd.embed(s, t, 4)
    columns = torch.cat([index[:, None], others], 1)
    cosines = torch.einsum("bd,bkd->bk", e, crd.memory.teacher[columns])
    crd(s, t, index, others)
    z = lab05.first_z.reference(cosines, 0.2, 40)
    assert crd.log_z[0].exp().item() == pytest.approx(z.item(), rel=1e-5)
    assert (
        "this is log Z"
        in lab05.first_z.check(lambda c, tau, n: lab05.first_z.reference(c, tau, n).log()).message
    )
