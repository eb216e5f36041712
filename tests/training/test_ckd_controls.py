"""Lab 04's controls of CKD, and the cost record."""

import pytest
import torch

from labkit import losses, models
from labkit.data import Batch
from labkit.training import METHODS, ckd_cost


def answers(rows=8, classes=4):
    draw = torch.Generator().manual_seed(0)
    pooled = torch.zeros(rows, 2)
    s, t = torch.randn(2, rows, classes, generator=draw)
    labels = torch.arange(rows) % classes
    batch = Batch(torch.zeros(rows, 3, 32, 32), labels, torch.arange(rows))
    return models.Features((), pooled, s), models.Features((), pooled, t), batch


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("ckd-masked", {"labels": True}), ("ckd-student", {"pairs": "student-student"})],
)
def test_a_variant_is_the_loss_with_that_argument(name, arguments):
    student, teacher, batch = answers()
    if arguments.get("labels"):
        arguments = {"labels": batch.labels}
    method = METHODS[name].make(None)
    terms = method(student, teacher, batch, {"temperature": 0.5, "beta": 3.0})
    expected = losses.ckd(student.logits, teacher.logits, temperature=0.5, **arguments)
    torch.testing.assert_close(terms["ckd"], 3 * expected)
    assert set(terms) == {"labels", "ckd"}


def test_without_negatives_a_copy_pays_nothing_and_an_opposite_two():
    student, _, batch = answers()
    opposite = student._replace(logits=-student.logits)
    method = METHODS["ckd-attract"].make(None)
    for teacher, pays in ((student, 0.0), (opposite, 2.0)):
        terms = method(student, teacher, batch, {"temperature": 1.0, "beta": 1.0})
        assert terms["ckd"].item() == pytest.approx(pays, abs=1e-6)


def test_the_bank_s_loss_is_info_nce_with_fetched_negatives():
    draw = torch.Generator().manual_seed(0)
    anchor, positive = torch.nn.functional.normalize(torch.randn(2, 4, 8, generator=draw), dim=2)
    bank = torch.nn.functional.normalize(torch.randn(30, 8, generator=draw), dim=1)
    index = torch.randint(30, (4, 5), generator=draw)
    loss = ckd_cost.bank_loss(anchor, positive, bank, index)
    expected = losses.info_nce(anchor, positive, bank[index], temperature=0.07)
    torch.testing.assert_close(loss, expected)


@pytest.mark.slow
def test_cost_has_a_row_for_each_k_and_grows_with_it(monkeypatch):
    monkeypatch.setattr(ckd_cost, "networks", lambda: 1.0)
    found = ckd_cost.measure(ks=(64, 2048), pictures=5000)
    few, many = found["rows"]
    assert many["bank_ms"] > few["bank_ms"] > 0
    assert few["ckd_ms"] == many["ckd_ms"] > 0
