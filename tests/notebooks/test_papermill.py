"""The student notebooks run to their end, no exercise attempted, at other parameters.

A file expect_NN.py beside this one may say more about lab NN: PARAMETERS, a dict that replaces
some of the values chosen here, and check(stored, mine, parameters), which gets the marked cells'
texts by name (tag `name:...`, or place) as the solution stores them and as this run printed them.
"""

import importlib.util
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import papermill
import pytest

from tests.notebooks.guards import LABS, marked_texts, parameters_of, read, solution_of

pytestmark = pytest.mark.notebook
NUMBERS = ("TEMPERATURE", "NEGATIVES")


def other_values(defaults: dict[str, Any]) -> dict[str, Any]:
    """Half of each number the marked cells must follow, and the quickest way to run."""
    numbers = {name: defaults[name] for name in NUMBERS if name in defaults}
    halved = {name: type(value)(value / 2) for name, value in numbers.items()}
    quick = {"BUDGET": "smoke", "DRIVER": "blocking"}
    return halved | {name: value for name, value in quick.items() if name in defaults}


def expectation(lab: Path) -> ModuleType | None:
    """The module expect_NN.py of a lab, if there is one."""
    file = Path(__file__).with_name(f"expect_{lab.stem[:2]}.py")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if not file.exists() or spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.stem)
def test_student_notebook_at_other_parameters(lab: Path, tmp_path: Path, record_property) -> None:
    expect = expectation(lab)
    student, stored = read(lab), marked_texts(read(solution_of(lab)))
    chosen = other_values(parameters_of(student)) | getattr(expect, "PARAMETERS", {})
    start = time.monotonic()
    run = papermill.execute_notebook(
        lab, tmp_path / lab.name, chosen, kernel_name="python3", cwd=lab.parent,
        progress_bar=False, execution_timeout=120,
    )  # fmt: skip
    record_property("seconds", round(time.monotonic() - start, 1))
    mine = marked_texts(run)
    assert mine.keys() == stored.keys()
    if any(name in chosen for name in NUMBERS):
        assert mine != stored, f"no marked cell follows {chosen}"
    if expect is not None:
        expect.check(stored, mine, chosen)
