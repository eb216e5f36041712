"""What every lab's two notebooks must have; each check returns sentences, none when all is well."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from build import MARK, tags
from templates import TEMPLATE

ROOT = Path(__file__).parents[2]
LABS = sorted((ROOT / "labs").glob("[0-9][0-9]_*.ipynb"))
MARKED_CELLS = 5
MAX_LINES = 25
MAX_BYTES = 200_000
MEASURED = re.compile(r"±\s*\d|\d[\d.,]*\s*(?:%|±|(?:percent|points?|seconds?|s|minutes?|min)\b)")
SOURCED = re.compile(r"<!-- (published|theory) -->[\s|]*$")
IMAGE = re.compile(r"!\[(.*?)\]\(|<img\b([^>]*)>")


def solution_of(lab: Path) -> Path:
    """Where a student notebook's solved twin stands."""
    return lab.parent / "solutions" / lab.name


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode, tag: str | None = None) -> list[NotebookNode]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in cells if tag is None or tag in tags(cell)]


def text_of(cell: NotebookNode) -> str:
    """What a cell printed or returned, as text."""
    texts = [out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs]
    return "".join(texts)


def marked_texts(notebook: NotebookNode) -> dict[str, str]:
    """Texts of the marked cells, by their `name:` tag, or by their place among the marked."""
    named = {}
    for place, cell in enumerate(code_cells(notebook, MARK)):
        names = [tag.removeprefix("name:") for tag in tags(cell) if tag.startswith("name:")]
        named[names[0] if names else str(place)] = text_of(cell)
    return named


def parameters_of(notebook: NotebookNode) -> dict[str, Any]:
    """The literals of the parameters cell; ValueError if it holds anything else."""
    values: dict[str, Any] = {}
    for cell in code_cells(notebook, "parameters")[:1]:
        for node in ast.parse(cell.source).body:
            if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
                raise ValueError(f"not an assignment of a literal: {ast.unparse(node)}")
            values[node.targets[0].id] = ast.literal_eval(node.value)
    return values


def typed_results(markdown: str) -> list[str]:
    """Lines with a number and a unit that neither a record nor a named source stands for."""
    found = []
    for line in markdown.splitlines():
        bare = re.sub(r"`[^`]*`|https?://\S+", "", TEMPLATE.sub("", line))
        hits = [hit for hit in MEASURED.findall(bare) if not re.fullmatch(r"(19|20)\d0s", hit)]
        if hits and not SOURCED.search(line):
            found.append(line.strip())
    return found


def problems(student: NotebookNode, solution: NotebookNode) -> list[str]:
    """Everything that is wrong with a lab's notebooks."""
    both = [("student", student), ("solution", solution)]
    found = [f"{who}: {what}" for who, notebook in both for what in shape(notebook)]
    found += [f"solution: {what}" for what in stored(solution)]
    found += [f"student: {what}" for what in [*parameters(student), *exercises(student)]]
    if any(cell.outputs or cell.execution_count for cell in code_cells(student)):
        found.append("student: has stored outputs")
    return found


def shape(notebook: NotebookNode) -> Iterator[str]:
    """Size, widget state, length of cells, text for images."""
    if "widgets" in notebook.metadata:
        yield "stores widget state"
    if len(json.dumps(notebook).encode()) > MAX_BYTES:
        yield f"is over {MAX_BYTES // 1000} kB"
    for cell in code_cells(notebook):
        lines = [] if "bootstrap" in tags(cell) else cell.source.splitlines()
        if len(lines) > MAX_LINES:
            yield f"a cell of {len(lines)} lines, more than {MAX_LINES}: {lines[0]}"
        if max(map(len, lines), default=0) > 100:
            yield f"a code line over 100 characters: {max(lines, key=len)}"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for alt, attributes in IMAGE.findall(cell.source):
                if not alt.strip() and not re.search(r"alt=[\"'][^\"']", attributes):
                    yield f"an image without alt text: {cell.source[:60]}"


def stored(solution: NotebookNode) -> Iterator[str]:
    """Enough marked cells, each with its output and count, and outputs nowhere else."""
    marked = code_cells(solution, MARK)
    if len(marked) < MARKED_CELLS:
        yield f"{len(marked)} cells tagged {MARK}, fewer than {MARKED_CELLS}"
    for cell in code_cells(solution):
        if (cell in marked) != bool(text_of(cell) and cell.execution_count):
            state = "no stored output" if cell in marked else "an output, but no mark"
            yield f"{state}: {cell.source[:60]}"


def parameters(student: NotebookNode) -> Iterator[str]:
    """One bootstrap cell first, then one cell of literal parameters, before any other code."""
    order = [set(tags(cell)) & {"bootstrap", "parameters"} for cell in code_cells(student)]
    if order[:2] != [{"bootstrap"}, {"parameters"}] or any(order[2:]):
        yield "the first two code cells must be tagged bootstrap and parameters, and no other"
    try:
        if not parameters_of(student):
            yield "no parameters"
    except ValueError as error:
        yield f"parameters must be plain literals: {error}"


def exercises(student: NotebookNode) -> Iterator[str]:
    """Every exercise has a hint before its solution, a check and a solution."""
    kinds = [kind_of(cell) for cell in student.cells]
    ends = [place for place, kind in enumerate(kinds) if kind == "solution"]
    count = kinds.count("exercise")
    if len(ends) != count:
        yield f"{count} exercises and {len(ends)} solutions"
    for number, (start, end) in enumerate(zip([-1, *ends], ends, strict=False), 1):
        missing = {"exercise", "hint", "check"} - set(kinds[start + 1 : end])
        if missing:
            yield f"exercise {number} has no {' and no '.join(sorted(missing))}"


def kind_of(cell: NotebookNode) -> str:
    """The part a cell plays in an exercise, or an empty string."""
    if cell.cell_type == "code":
        return next((tag for tag in ("exercise", "check") if tag in tags(cell)), "")
    folded = re.search(r"<summary>\s*(hint|solution)", cell.source, re.IGNORECASE)
    return folded[1].lower() if folded else ""


def number(pattern: str, text: str) -> float:
    """The number that the pattern's group finds in what a cell printed."""
    found = re.search(pattern, text)
    assert found, f"no {pattern} in {text}"
    return float(found[1])
