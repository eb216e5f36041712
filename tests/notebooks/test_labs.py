"""Every lab's committed notebooks: made from their masters, and built as a lab must be."""

from pathlib import Path

import jupytext
import pytest

import build
from tests.notebooks.guards import LABS, problems, read, solution_of, typed_results


def test_the_notebooks_are_what_the_masters_give(root: Path) -> None:
    assert build.stale(root) == [], "run `make notebooks` and commit what it writes"


@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.stem)
def test_a_lab_has_what_every_lab_has(lab: Path) -> None:
    assert problems(read(lab), read(solution_of(lab))) == []


@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.stem)
def test_no_measured_number_is_typed(lab: Path, root: Path) -> None:
    master = root / "labs" / "source" / f"{lab.stem}.py"
    cells = jupytext.reads(master.read_text(encoding="utf-8"), fmt="py:percent").cells
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    assert [line for text in prose for line in typed_results(text)] == []
