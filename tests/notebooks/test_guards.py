"""The guards themselves: a lab that has everything passes, and each thing missing is named."""

import copy
from collections.abc import Callable

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebooks.guards import marked_texts, parameters_of, problems, typed_results

Lab = tuple[NotebookNode, NotebookNode]


def code(source: str, *tags: str) -> NotebookNode:
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def lab() -> Lab:
    """A student and a solution notebook that have all they must."""
    shown = [code(f"print({n})", "nbval-check-output", f"name:n{n}") for n in range(5)]
    cells = [
        new_markdown_cell("# Title\n![a disc](disc.png)"),
        code("set_up = 1\n" * 40, "bootstrap"),
        code("TEMPERATURE = 4.0  # above 0\nNAME = 'x'", "parameters"),
        *shown,
        new_markdown_cell("<details><summary>Hint 1</summary>Add.</details>"),
        code("def add(a, b):\n    raise NotImplementedError", "exercise"),
        code("check(add)", "check"),
    ]
    folded = new_markdown_cell("<details><summary>Solution</summary>a + b</details>")
    student = new_notebook(cells=[*copy.deepcopy(cells), folded])
    for number, cell in enumerate(shown):
        cell.outputs = [new_output("stream", text=f"{number}\n")]
        cell.execution_count = number + 3
    return student, new_notebook(cells=cells)


def add_widgets(pair: Lab) -> None:
    pair[1].metadata["widgets"] = {}


def fatten(pair: Lab) -> None:
    pair[0].cells[0].source += "x" * 200_000


def lengthen(pair: Lab) -> None:
    pair[0].cells[3].source = "x = 1\n" * 26


def widen(pair: Lab) -> None:
    pair[0].cells[3].source = "x" * 101


def blind(pair: Lab) -> None:
    pair[0].cells[0].source = "![](disc.png)"


def unmark(pair: Lab) -> None:
    pair[1].cells[3].metadata.tags = []


def empty_output(pair: Lab) -> None:
    pair[1].cells[3].outputs = []


def uncount(pair: Lab) -> None:
    pair[1].cells[3].execution_count = None


def run_student(pair: Lab) -> None:
    pair[0].cells[3].execution_count = 1


def compute_parameter(pair: Lab) -> None:
    pair[0].cells[2].source = "TEMPERATURE = 2 * T"


def untag_parameters(pair: Lab) -> None:
    pair[0].cells[2].metadata.tags = []


def drop_hint(pair: Lab) -> None:
    del pair[0].cells[8]


def drop_check(pair: Lab) -> None:
    pair[0].cells[10].metadata.tags = []


def drop_solution(pair: Lab) -> None:
    del pair[0].cells[11]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (add_widgets, "solution: stores widget state"),
        (fatten, "student: is over 200 kB"),
        (lengthen, "student: a cell of 26 lines"),
        (widen, "student: a code line over 100 characters"),
        (blind, "student: an image without alt text"),
        (unmark, "4 cells tagged nbval-check-output, fewer than 5"),
        (empty_output, "solution: no stored output: print(0)"),
        (uncount, "solution: no stored output: print(0)"),
        (run_student, "student: has stored outputs"),
        (compute_parameter, "student: parameters must be plain literals"),
        (untag_parameters, "student: the first two code cells must be tagged"),
        (drop_hint, "student: exercise 1 has no hint"),
        (drop_check, "student: exercise 1 has no check"),
        (drop_solution, "student: 1 exercises and 0 solutions"),
    ],
)
def test_each_thing_missing_is_named(spoil: Callable[[Lab], None], message: str) -> None:
    pair = lab()
    assert problems(*pair) == []
    spoil(pair)
    assert any(message in line for line in problems(*pair))


def test_parameters_and_marked_texts_are_read_from_a_notebook() -> None:
    student, solution = lab()
    assert parameters_of(student) == {"TEMPERATURE": 4.0, "NAME": "x"}
    assert marked_texts(solution) == {f"n{n}": f"{n}\n" for n in range(5)}


@pytest.mark.parametrize(
    "line",
    [
        "KD gains 7.2 points.",
        "The student reaches 11.6 % here.",
        "It took 40 s.",
        "about 5 minutes on a laptop",
        "the gain, 7.2 ± 0.3",
        "{{record:kd.gain|.1f}} ± 0.3",
        "an error of 3% <!-- measured -->",
    ],
)
def test_a_typed_result_is_found(line: str) -> None:
    assert typed_results(f"Fine.\n{line}") == [line]


@pytest.mark.parametrize(
    "line",
    [
        "KD gains {{record:kd.gain|.1p}} points in {{record:kd.seconds|.0f}} s.",
        "Hinton et al. report 1.5 % <!-- published -->",
        "| ceiling | 100 % | <!-- theory -->",
        "| ceiling | 100 % <!-- theory --> |",
        "A net of the 1990s with 10 classes and 3 seeds.",
        "`x % 2 s` and T = 4",
        "[paper](https://example.org/2015%20min)",
    ],
)
def test_a_sourced_number_is_not(line: str) -> None:
    assert typed_results(line) == []
