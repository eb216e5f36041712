"""Guesses before reveals: each lab has some, and no answer is typed into the notebook."""

import ast
from collections.abc import Iterator
from pathlib import Path

import jupytext
import pytest

from tests.notebooks.guards import ROOT

# the place of the answer among the arguments
ANSWER = {"widgets.predict": 2, "widgets.predict_choice": 3}
LABS = [
    path
    for path in sorted((ROOT / "labs/source").glob("[0-9][0-9]_*.py"))
    if path.stem[:2] in {"00", "01", "02", "03", "04", "05", "06", "07", "08", "10"}
]

every_lab = pytest.mark.parametrize("master", LABS, ids=lambda path: path.stem)


def cells(master: Path) -> Iterator[list[ast.stmt]]:
    """The statements of each code cell."""
    notebook = jupytext.reads(master.read_text(encoding="utf-8"), fmt="py:percent")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            yield ast.parse(cell.source).body


def panels(node: ast.AST) -> Iterator[ast.Call]:
    """The calls of `widgets.predict` and `widgets.predict_choice` in a piece of code."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ANSWER:
            yield call


def asked(master: Path) -> list[ast.Call]:
    return [call for body in cells(master) for node in body for call in panels(node)]


def name_of(call: ast.Call) -> str:
    return str(ast.literal_eval(call.args[0]))


def typed(answer: ast.expr) -> bool:
    """Whether an answer stands there as a literal, bare or as what a lambda returns."""
    body = answer.body if isinstance(answer, ast.Lambda) else answer
    try:
        ast.literal_eval(body)
    except ValueError:
        return not isinstance(answer, ast.Call | ast.Name | ast.Lambda)
    return True


@every_lab
def test_a_lab_asks_for_two_guesses_or_more_and_tells_them_apart(master: Path) -> None:
    names = [name_of(call) for call in asked(master)]
    assert len(names) >= 2 and len(set(names)) == len(names), names
    assert max(map(len, names)) <= 30  # it is a column of `labkit progress`


@every_lab
def test_no_answer_is_typed(master: Path) -> None:
    answers = [call.args[ANSWER[ast.unparse(call.func)]] for call in asked(master)]
    assert [ast.unparse(answer) for answer in answers if typed(answer)] == []


@every_lab
def test_a_panel_is_what_its_cell_shows(master: Path) -> None:
    shown = [body[-1].value for body in cells(master) if body and isinstance(body[-1], ast.Expr)]
    assert set(map(ast.unparse, asked(master))) <= set(map(ast.unparse, shown))


@pytest.mark.parametrize("answer", ["7.5", "lambda: -7.5", "'the loss'", "x + 1", "lambda: 'a'"])
def test_a_typed_answer_is_seen(answer: str) -> None:
    assert typed(ast.parse(answer, mode="eval").body)


@pytest.mark.parametrize("answer", ["measured", "lambda: 100 * found['a']", "functools.partial(f)"])
def test_a_computed_answer_is_not(answer: str) -> None:
    assert not typed(ast.parse(answer, mode="eval").body)
