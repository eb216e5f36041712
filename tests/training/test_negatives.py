"""The recorded surfaces of lab 02 are those that the code gives."""

import pytest
import torch

from labkit import evaluation
from labkit.training import negatives, reference


def test_the_stored_bank_is_of_unit_rows_and_its_pairs_are_alike():
    x, y = negatives.bank()
    assert x.shape == y.shape == (1024, 64)
    torch.testing.assert_close(x.norm(dim=1), torch.ones(1024))
    alike = (x @ y.T).argmax(1) == torch.arange(1024)
    assert alike.float().mean() > 0.5  # 0.001 at chance


@pytest.mark.slow
def test_a_recorded_cell_of_the_signal_comes_again():
    cell = reference("lab02-signal")["cells"]["0.1"]["16"]
    again = evaluation.gradient_signal(
        *negatives.bank(), temperature=0.1, negatives=16, anchors=128,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    for name, value in again.items():
        assert value == pytest.approx(cell[name]["mean"], abs=4 * cell[name]["std"])


def test_the_surface_has_every_cell_and_keeps_the_laws(monkeypatch):
    monkeypatch.setattr(negatives, "INFORMATION", (2, 8))
    monkeypatch.setattr(negatives, "BATCHES", (2, 16))
    monkeypatch.setattr(negatives, "SCORES", 2**14)
    made, stored = negatives.surface(), reference("lab02-surface")
    assert {i: list(row) for i, row in made["cells"].items()} == {
        "2": ["1", "15"],
        "8": ["1", "15"],
    }
    for cells in (made["cells"], stored["cells"]):
        for row in cells.values():
            for k, cell in row.items():
                assert cell["InfoNCE"]["mean"] < torch.tensor(int(k) + 1.0).log()
                assert cell["JSD"]["mean"] < 0
    n, std = stored["cells"]["2"]["15"]["NWJ"]["n"], stored["cells"]["2"]["15"]["NWJ"]["std"]
    assert stored["cells"]["2"]["15"]["NWJ"]["mean"] == pytest.approx(2, abs=5 * std / n**0.5)
