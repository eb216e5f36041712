"""Make the notebooks from their masters in labs/source.

    python labs/build.py             write labs/NN_name.ipynb and labs/solutions/NN_name.ipynb
    python labs/build.py --execute   also run the solutions and store what their marked cells print
    python labs/build.py --check     exit 1 and name the notebooks that the masters no longer give

A number (`01`) or a name after the options limits all three to those labs. Data cards with
numbers from records (data/cards/source/*.md) are written to data/cards on the way, and the
instructor's guide (labs/guide/source/*.md) to labs/guide.
"""

import argparse
import copy
import hashlib
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from templates import BuildError, fill, read

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("data/cards", "labs/guide")  # pages with numbers from records; their masters in source/
MARK = "nbval-check-output"  # nbval compares these cells' outputs
TODO = "raise NotImplementedError  # your code here"
REGION = re.compile(r"^([ \t]*)# BEGIN SOLUTION\n(.*?)^[ \t]*# END SOLUTION(?:\n|\Z)", re.M | re.S)
MARKER = re.compile(r"# (BEGIN|END) SOLUTION")
HINT = re.compile(r"<summary>\s*hint", re.IGNORECASE)
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def is_solution(notebook: Path) -> bool:
    return notebook.parent.name == "solutions"


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def solved(source: str) -> str:
    """An exercise's source with the marker lines gone."""
    return REGION.sub(lambda match: match[2], source).rstrip("\n")


def unsolved(source: str) -> str:
    """An exercise's source with each solution replaced by one line that raises."""
    return REGION.sub(lambda match: f"{match[1]}{TODO}\n", source).rstrip("\n")


def folded(source: str) -> str:
    """The solution, as a folded markdown cell."""
    return f"<details><summary>Solution</summary>\n\n```python\n{solved(source)}\n```\n\n</details>"


def check_exercise(source: str) -> None:
    """Raise BuildError unless the solution markers pair up, inside a function, in an exercise."""
    regions = REGION.findall(source)
    if not regions or len(MARKER.findall(source)) != 2 * len(regions):
        raise BuildError("an exercise needs # BEGIN SOLUTION and # END SOLUTION lines, in pairs")
    if any(not indent for indent, _ in regions):
        raise BuildError("a solution must stand inside a function, or Run All stops there")


def with_ids(cells: Sequence[NotebookNode]) -> None:
    """Make each cell's id from its master's text: editing one cell leaves the others alone."""
    seen: Counter[str] = Counter()
    for cell in cells:
        text = "\n".join([cell.cell_type, *tags(cell), cell.source])
        name = hashlib.sha256(text.encode()).hexdigest()[:8]
        seen[name] += 1
        cell["id"] = name if seen[name] == 1 else f"{name}-{seen[name]}"


def clean(cell: NotebookNode) -> None:
    """Leave no trace of another run or tool: tags stay, and what the bootstrap cell folds by."""
    kept: dict[str, Any] = {"tags": tags(cell)} if tags(cell) else {}
    if "bootstrap" in tags(cell):
        kept |= {"cellView": "form", "jupyter": {"source_hidden": True}}
    cell["metadata"] = NotebookNode(kept)
    if cell.cell_type == "code":
        cell["outputs"], cell["execution_count"] = [], None


def build(master: Path, notebook: Path, root: Path) -> NotebookNode:
    """The notebook made from `master`: solved if it stands in a folder `solutions`."""
    cells = jupytext.reads(read(master), fmt="py:percent").cells
    with_ids(cells)
    answers: dict[int, NotebookNode] = {}  # the folded solution that follows a cell
    for position, cell in enumerate(cells):
        try:
            answer = dress(cell, root, notebook)
        except BuildError as error:
            place = f"{master.relative_to(root).as_posix()}, cell {position + 1}"
            raise BuildError(f"{place}: {error}") from None
        if answer is not None:
            answers[answered_at(cells, position)] = answer
    both = [(cell, answers.get(position)) for position, cell in enumerate(cells)]
    return new_notebook(
        cells=[cell for pair in both for cell in pair if cell is not None],
        metadata=METADATA | {"labkit": origin(master, root)},
    )


def origin(master: Path, root: Path) -> dict[str, str]:
    """What a notebook remembers of its master: where it stands and its digest."""
    digest = hashlib.sha256(master.read_bytes()).hexdigest()
    return {"master": master.relative_to(root).as_posix(), "sha256": digest}


def answered_at(cells: Sequence[NotebookNode], position: int) -> int:
    """The last of an exercise's cells: its check, then its hints; `position` if it has neither."""
    last = position
    for later in range(position + 1, len(cells)):
        if "exercise" in tags(cells[later]):
            break
        hint_next = later == last + 1 and HINT.search(cells[later].source)
        if hint_next or "check" in tags(cells[later]):
            last = later
    return last


def dress(cell: NotebookNode, root: Path, notebook: Path) -> NotebookNode | None:
    """Turn a master's cell into a notebook's; returns an unsolved exercise's folded solution."""
    answer = None
    if cell.cell_type == "markdown":
        if HINT.search(cell.source) and not cell.source.endswith("</details>"):
            raise BuildError("a hint ends its cell: the solution is put between it and the rest")
        cell["source"] = fill(cell.source, root, notebook)
    elif "bootstrap" in tags(cell):
        cell["source"] = fill(read(root / "labs/bootstrap.py").rstrip(), root, notebook)
    elif "exercise" in tags(cell):
        check_exercise(cell.source)
        if is_solution(notebook):
            cell["source"] = solved(cell.source)
        else:
            answer = new_markdown_cell(folded(cell.source), id=f"{cell['id']}-solution")
            cell["source"] = unsolved(cell.source)
    elif MARKER.search(cell.source):
        raise BuildError("solution markers, but the cell is not tagged exercise")
    clean(cell)
    return answer


def carry_over(new: NotebookNode, old: NotebookNode) -> None:
    """Copy the stored outputs of marked cells that did not change."""
    stored = {cell.get("id"): cell for cell in old.cells if cell.cell_type == "code"}
    for cell in new.cells:
        if MARK in tags(cell) and cell.id in stored:
            cell["outputs"] = stored[cell.id].outputs
            cell["execution_count"] = stored[cell.id].execution_count


def execute(notebook: NotebookNode, root: Path) -> None:
    """Run a copy from labs/, headless, and keep only what the marked cells printed."""
    run = copy.deepcopy(notebook)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    place = {"metadata": {"path": str(root / "labs")}}
    try:
        NotebookClient(run, timeout=600, kernel_name="python3", resources=place).execute()
    except CellExecutionError as error:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        raise BuildError(f"{notebook.metadata.labkit.master}, solved: {plain}") from None
    carry_over(notebook, run)
    for position, cell in enumerate(notebook.cells, 1):
        if MARK in tags(cell) and not printed_only(cell):
            raise BuildError(
                f"{notebook.metadata.labkit.master}, cell {position}: tagged {MARK}, but what it "
                f"shows is not plain printed text\n{cell.source}"
            )


def printed_only(cell: NotebookNode) -> bool:
    """True if the cell left text and nothing else: nbval compares all that is stored."""
    kinds = {kind for out in cell.outputs for kind in out.get("data", {out.get("name"): 0})}
    return bool(kinds) and kinds <= {"stdout", "text/plain"}


def masters(root: Path, names: Sequence[str] = ()) -> list[Path]:
    """The masters in reading order, or those whose name starts with one of `names`."""
    found = sorted((root / "labs/source").glob("[0-9][0-9]_*.py"))
    return [path for path in found if not names or path.stem.startswith(tuple(names))]


def notebooks_of(master: Path, root: Path) -> list[Path]:
    """Where a master's two notebooks stand: the student's, then the solved one."""
    name = f"{master.stem}.ipynb"
    return [root / "labs" / name, root / "labs" / "solutions" / name]


def text_of(master: Path, notebook: Path, root: Path, run: bool = False) -> str:
    """The text that `notebook` should hold; only solutions store outputs, made anew if `run`."""
    built = build(master, notebook, root)
    if is_solution(notebook) and run:
        execute(built, root)
    elif is_solution(notebook) and notebook.exists():
        carry_over(built, nbformat.read(notebook, as_version=4))
    return nbformat.writes(built).rstrip("\n") + "\n"


def pages(root: Path) -> dict[Path, str]:
    """Every data card and page of the guide that quotes records, and the text it should hold."""
    found = [path for home in PAGES for path in sorted((root / home / "source").glob("*.md"))]
    return {path.parents[1] / path.name: fill(read(path), root, path) for path in found}


def stale(root: Path = ROOT, names: Sequence[str] = ()) -> list[str]:
    """Notebooks that are missing, differ from what their masters give, or have no master."""
    wrong, expected = [], set()
    for master in masters(root, names):
        for notebook in notebooks_of(master, root):
            expected.add(notebook)
            if not notebook.exists() or read(notebook) != text_of(master, notebook, root):
                wrong.append(notebook)
    if not names:
        made = pages(root).items()
        wrong += [page for page, text in made if not page.exists() or read(page) != text]
        wrong += {*root.glob("labs/*.ipynb"), *root.glob("labs/solutions/*.ipynb")} - expected
    return sorted(path.relative_to(root).as_posix() for path in wrong)


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command line; exit status 0, or 1 with a line for each thing wrong."""
    parser = argparse.ArgumentParser(description="Make the notebooks from labs/source.")
    parser.add_argument("names", nargs="*", help="labs, by number or name; all if left out")
    parser.add_argument("--execute", action="store_true", help="run the solutions, store outputs")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    options = parser.parse_args(arguments)
    try:
        wrong = stale(root, options.names) if options.check else []
        for name in wrong:
            print(f"stale: {name} (run `make notebooks`)")
        for master in [] if options.check else masters(root, options.names):
            for notebook in notebooks_of(master, root):
                text = text_of(master, notebook, root, options.execute)
                notebook.parent.mkdir(exist_ok=True)
                notebook.write_text(text, encoding="utf-8", newline="\n")
                print(f"wrote {notebook.relative_to(root).as_posix()}")
        for page, text in ({} if options.check or options.names else pages(root)).items():
            page.write_text(text, encoding="utf-8", newline="\n")
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
