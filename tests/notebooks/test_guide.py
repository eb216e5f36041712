"""The instructor's guide: what it says of a lab can be found there, and its grading works."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

from tests.notebooks.guards import ROOT, typed_results

PAGES = sorted((ROOT / "labs/guide/source").glob("*.md"))
LABS = [page for page in PAGES if page.stem != "README"]
PARTS = (
    "Afterwards a student can",
    "Needs",
    "Ninety minutes",
    "Wrong beliefs to expect",
    "Answers",
    "Exercises",
    "Discussion",
    "Offline",
)
WORDS = 1300  # two printed pages

every_lab = pytest.mark.parametrize("page", LABS, ids=lambda path: path.stem)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def part(page: Path, number: int) -> str:
    """The text of one of a page's eight parts."""
    return re.split(r"^## \d\. .*$", read(page), flags=re.M)[number]


def master(page: Path) -> list[str]:
    """The lines of the lab's master."""
    return read(ROOT / "labs/source" / f"{page.stem}.py").splitlines()


def widgets(page: Path) -> set[tuple[str, str]]:
    """(section, name) of each widget in the lab."""
    found, section = set(), ""
    for line in master(page):
        heading = re.match(r"# ## (\d+)\.", line)
        section = heading[1] if heading else section
        found |= {(section, name) for name in re.findall(r'name="(\w+)"', line)}
    return found


def prose(page: Path) -> str:
    cells = jupytext.reads("\n".join(master(page)), fmt="py:percent").cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@every_lab
def test_a_page_has_its_parts_in_order_and_room_on_two_sheets(page: Path) -> None:
    assert tuple(re.findall(r"^## \d\. (.*)$", read(page), flags=re.M)) == PARTS
    assert len(read(page).split()) <= WORDS


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_no_measured_number_is_typed_in_the_guide(page: Path) -> None:
    assert typed_results(read(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_its_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", read(page))
    assert links and [link for link in links if not (page.parents[1] / link).exists()] == []


@every_lab
def test_the_widgets_it_names_stand_in_their_sections(page: Path) -> None:
    named = set(re.findall(r"§(\d+) `(\w+)`", read(page)))
    assert named and named <= widgets(page)


@every_lab
def test_every_prediction_has_an_answer(page: Path) -> None:
    asked = re.findall(r"\*\*predict\b", prose(page), flags=re.IGNORECASE)
    assert len(re.findall(r"^- §", part(page, 5), flags=re.M)) == len(asked)
    assert "**Puzzle.**" in part(page, 5)


@every_lab
def test_wrong_answers_are_quoted_as_the_checks_name_them(page: Path) -> None:
    lab = importlib.import_module(f"labkit.exercises.lab{page.stem[:2]}")
    rows = re.findall(r"^\| (\d) .*$", part(page, 6), flags=re.M)
    assert rows == [str(number + 1) for number in range(len(lab.EXERCISES))]
    lines = [line for line in part(page, 6).splitlines() if re.match(r"\| \d ", line)]
    for line, exercise in zip(lines, lab.EXERCISES, strict=True):
        quoted = re.findall(r'"([^"]+)"', line)
        assert len(quoted) >= 2
        for words in quoted:
            assert any(words in message for message in exercise.mistakes), words


@every_lab
def test_there_are_enough_beliefs_goals_and_questions(page: Path) -> None:
    assert len(re.findall(r'^- \*\*"', part(page, 4), flags=re.M)) >= 3
    assert len(re.findall(r"^\d\. ", part(page, 1), flags=re.M)) in (3, 4)
    assert len(re.findall(r"^\d\. \*.*\*", part(page, 7), flags=re.M)) == 5


@pytest.mark.slow
def test_the_grading_script_reads_solved_and_open_notebooks(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", read(ROOT / "labs/guide/README.md"), flags=re.S)
    script = tmp_path / "grade.py"
    script.write_text(block, encoding="utf-8")
    labs = ROOT / "labs/solutions/00_orientation.ipynb", ROOT / "labs/03_learning_by_contrast.ipynb"
    run = subprocess.run(
        [sys.executable, script, *labs], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout.count("✓") == 3 and run.stdout.count("○") == 5
    assert "Error" not in run.stdout
