"""The reference answers of lab 02, and the usual ways to write them."""

import math

import pytest
import torch
import torch.nn.functional as F

from labkit.exercises import lab02
from labkit.losses import mutual_information as mi


def test_the_obvious_ways_to_write_info_nce_are_recognised():
    """Written the way a student would, with torch's own functions."""

    def loss(s):
        return F.cross_entropy(s, torch.arange(len(s)))

    assert lab02.info_nce.check(lambda s: math.log(len(s)) - loss(s)).state == "correct"
    assert "to be minimised" in lab02.info_nce.check(loss).message
    assert "log B is missing" in lab02.info_nce.check(lambda s: -loss(s)).message
    turned = lab02.info_nce.check(lambda s: math.log(len(s)) - loss(s.T))
    assert "columns" in turned.message


def test_jsd_from_binary_cross_entropy():
    def mean_of_all(s):
        return -F.binary_cross_entropy_with_logits(s, torch.eye(len(s), dtype=s.dtype))

    off = ~torch.eye(4, dtype=torch.bool)
    assert lab02.jsd.check(mean_of_all).state == "wrong"
    right = lab02.jsd.check(
        lambda s: (
            -F.softplus(-s.diag()).mean()
            - F.softplus(s[~torch.eye(len(s), dtype=torch.bool)]).mean()
        )
    )
    assert right.state == "correct"
    zeros = torch.zeros(4, 4)
    assert lab02.jsd.reference(zeros) == pytest.approx(-2 * math.log(2))
    assert zeros[off].numel() == 12


@pytest.mark.parametrize("nats", [6.0, 3.0, 9.0])
def test_the_batch_is_the_smallest_that_reaches(nats):
    b = int(lab02.batch.reference(nats))
    assert math.log(b) >= nats > math.log(b - 1)
    assert "bits" in lab02.batch.check(lambda n: 2**n).message
    assert "one short" in lab02.batch.check(lambda n: int(math.exp(n))).message


def test_the_liar_lies_as_much_as_asked_and_dv_sees_through_it():
    for size, clip, nats in lab02.liar.inputs():
        scores = lab02.liar.reference(size, clip, nats)
        assert mi.smile(scores, clip=clip).item() == pytest.approx(nats)
        assert mi.dv(scores).item() == pytest.approx(0, abs=1e-12)
    assert lab02.liar.check(lambda b, c, n: torch.full((b, b), c + n)).state == "correct"


def test_the_readout_is_nwj_of_the_shifted_critic():
    for (scores,) in lab02.readout.inputs():
        torch.testing.assert_close(lab02.readout.reference(scores), mi.nwj(scores + 1))
    assert "+ 1 is missing" in lab02.readout.check(mi.nwj).message
