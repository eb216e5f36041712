"""The builder on a small master: two notebooks, templates, stored outputs, what it refuses."""

import json
from pathlib import Path

import nbformat
import pytest

import build
from templates import BuildError, look_up, number

MASTER = '''# %% [markdown]
# # Small {{colab_badge}}
# Gain {{record:kd.gain.mean|.1p}} points, T = {{record:kd.runs.1.T}},
# at 0.5 {{record:kd.at.0.5|.0%}}

# %% tags=["bootstrap"]

# %% tags=["parameters"]
TEMPERATURE = 4.0

# %% tags=["nbval-check-output"]
print(1 / TEMPERATURE)

# %%
print("not kept")

# %% [markdown]
# <details><summary>Hint</summary>Add.</details>

# %% tags=["exercise"]
def add(a: int, b: int) -> int:
    """The sum."""
    # BEGIN SOLUTION
    total = a + b
    return total
    # END SOLUTION

# %% tags=["check"]
try:
    print(add(1, 2))
except NotImplementedError:
    print("not attempted")

# %%
print("end")
'''
RECORD = {"gain": {"mean": 0.0725}, "runs": [{"T": 1}, {"T": 4}], "at": {"0.5": 0.9}}


@pytest.fixture
def house(tmp_path: Path, root: Path) -> Path:
    """A repository with one small lab."""
    for folder in ("labs/source", "labs/solutions", "data/reference"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("pyproject.toml", "labs/bootstrap.py"):
        (tmp_path / name).write_text((root / name).read_text())
    (tmp_path / "labs/source/01_small.py").write_text(MASTER)
    (tmp_path / "data/reference/kd.json").write_text(json.dumps(RECORD))
    return tmp_path


def made(house: Path, *options: str) -> tuple[nbformat.NotebookNode, nbformat.NotebookNode]:
    """The student's and the solved notebook after a run of the builder."""
    assert build.main(options, house) == 0
    paths = (house / "labs/01_small.ipynb", house / "labs/solutions/01_small.ipynb")
    for path in paths:
        nbformat.validate(json.loads(path.read_text()))
    return tuple(nbformat.read(path, as_version=4) for path in paths)


def edit(house: Path, old: str, new: str) -> None:
    master = house / "labs/source/01_small.py"
    assert old in MASTER
    master.write_text(MASTER.replace(old, new))


def test_templates_are_filled_from_records_and_the_address(house: Path) -> None:
    student, solution = made(house)
    text = student.cells[0].source
    assert "Gain 7.2 points, T = 4,\nat 0.5 90%" in text
    assert "colab.research.google.com/github/labkit-course/labkit/blob/main/labs/01_small" in text
    assert "blob/main/labs/solutions/01_small.ipynb" in solution.cells[0].source
    bootstrap = student.cells[1]
    assert "https://github.com/labkit-course/labkit" in bootstrap.source
    assert bootstrap.metadata.jupyter.source_hidden and bootstrap.metadata.cellView == "form"


def test_an_exercise_is_open_for_the_student_and_solved_in_the_solution(house: Path) -> None:
    student, solution = made(house)
    asked, answered = student.cells[6].source, solution.cells[6].source
    assert asked.endswith('"""The sum."""\n    raise NotImplementedError  # your code here')
    assert answered.endswith("    total = a + b\n    return total")
    assert "SOLUTION" not in answered
    kinds = [cell.metadata.get("tags", [cell.cell_type])[0] for cell in student.cells[6:9]]
    assert kinds == ["exercise", "check", "markdown"]
    assert f"```python\n{answered}\n```" in student.cells[8].source
    assert len(solution.cells) == len(student.cells) - 1


@pytest.mark.parametrize(
    ("between", "place"),
    [
        ("# <details><summary>Hint</summary>Think.</details>", 9),  # after the hint
        ("# ## Recap", 8),  # after the check, before other prose
    ],
)
def test_the_solution_follows_the_check_and_its_hints(
    house: Path, between: str, place: int
) -> None:
    edit(house, '# %%\nprint("end")', f'# %% [markdown]\n{between}\n\n# %%\nprint("end")')
    student, _ = made(house)
    folded = ["<summary>Solution" in cell.source for cell in student.cells]
    assert folded.index(True) == place and sum(folded) == 1


def test_the_solution_follows_an_exercise_that_has_no_check(house: Path) -> None:
    edit(house, 'tags=["check"]', "")
    student, _ = made(house)
    assert "<summary>Solution" in student.cells[7].source


def test_the_same_master_gives_the_same_bytes(house: Path) -> None:
    made(house)
    first = (house / "labs/01_small.ipynb").read_bytes()
    made(house)
    assert (house / "labs/01_small.ipynb").read_bytes() == first
    assert first.endswith(b"}\n") and build.stale(house) == []


def test_editing_one_cell_leaves_the_ids_of_the_others(house: Path) -> None:
    before, _ = made(house)
    edit(house, 'print("end")', 'print("the end")')
    after, _ = made(house)
    changed = [a.id != b.id for a, b in zip(before.cells, after.cells, strict=True)]
    assert changed == [False] * (len(changed) - 1) + [True]


@pytest.mark.slow
def test_only_marked_cells_keep_what_they_printed(house: Path) -> None:
    student, solution = made(house, "--execute")
    stored = [cell for cell in solution.cells if cell.get("outputs")]
    assert [cell.outputs[0].text for cell in stored] == ["0.25\n"]
    assert stored[0].execution_count == 3
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in student.cells)
    edit(house, "at 0.5", "at one half")
    _, carried = made(house)
    assert carried.cells[3].outputs == stored[0].outputs
    assert build.stale(house) == []
    edit(house, "1 / TEMPERATURE", "2 / TEMPERATURE")
    _, dropped = made(house)
    assert dropped.cells[3].outputs == []


@pytest.mark.slow
def test_a_marked_cell_must_print_text(house: Path, capsys: pytest.CaptureFixture) -> None:
    edit(house, "print(1 / TEMPERATURE)", "quiet = 1")
    assert build.main(["--execute"], house) == 1
    assert "cell 4: tagged nbval-check-output, but" in capsys.readouterr().err


def test_stale_missing_and_orphaned_notebooks_are_named(
    house: Path, capsys: pytest.CaptureFixture
) -> None:
    made(house)
    (house / "labs/solutions/01_small.ipynb").unlink()
    (house / "labs/02_gone.ipynb").write_text("{}")
    edit(house, 'print("end")', 'print("the end")')
    assert build.main(["--check"], house) == 1
    names = ("labs/01_small.ipynb", "labs/02_gone.ipynb", "labs/solutions/01_small.ipynb")
    assert capsys.readouterr().out.count("stale: ") == len(names)
    assert build.stale(house) == sorted(names)


def test_a_changed_record_makes_the_notebooks_stale(house: Path) -> None:
    made(house)
    changed = RECORD | {"gain": {"mean": 0.09}}
    (house / "data/reference/kd.json").write_text(json.dumps(changed))
    assert len(build.stale(house)) == 2


@pytest.mark.parametrize("home", ["data/cards", "labs/guide"])
def test_pages_with_numbers_are_made_and_named_when_stale(house: Path, home: str) -> None:
    page, source = house / home / "small.md", house / home / "source" / "small.md"
    source.parent.mkdir(parents=True)
    source.write_text("Gain {{record:kd.gain.mean|.1p}} points\n")
    assert page.relative_to(house).as_posix() in build.stale(house)
    made(house)
    assert page.read_text() == "Gain 7.2 points\n" and build.stale(house) == []
    page.write_text("Gain 7.3 points\n")
    assert build.main(["--check"], house) == 1
    assert build.stale(house) == [page.relative_to(house).as_posix()]


@pytest.mark.parametrize("text", ["{}", "# no code, only words"])
def test_no_masters_is_no_error(house: Path, text: str) -> None:
    (house / "labs/source/01_small.py").unlink()
    (house / "labs/source/notes.py").write_text(text)
    assert build.main([], house) == 0
    assert build.main(["--check"], house) == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kd.gain.mean", "kd.gain.maen", "{{record:kd.gain.maen}}: no 'maen': nearest is mean"),
        ("kd.gain.mean", "dk.gain.mean", "no record 'dk' in data/reference: nearest is kd"),
        ("kd.gain.mean", "kd.gain", "not a single value but mean"),
        ("|.1p}}", "|.1z}}", "cell 1: {{record:kd.gain.mean}}: Unknown format"),
        ("{{colab_badge}}", "{{badge}}", "cell 1: unknown template {{badge}}"),
        ("    # END SOLUTION\n", "", "cell 7: an exercise needs # BEGIN"),
        ("    # BEGIN SOLUTION\n", "# BEGIN SOLUTION\n", "cell 7: a solution must stand"),
        ("Add.</details>", "Add.</details>\n#\n# ### More", "cell 6: a hint ends its cell"),
        ('tags=["exercise"]', "", "cell 7: solution markers, but the cell is not tagged exercise"),
    ],
)  # fmt: skip
def test_a_master_that_cannot_be_built_is_named(
    house: Path, old: str, new: str, message: str, capsys: pytest.CaptureFixture
) -> None:
    edit(house, old, new)
    assert build.main([], house) == 1
    error = capsys.readouterr().err
    assert error.startswith("labs/source/01_small.py, cell ") and message in error


def test_records_are_looked_up_by_dotted_path() -> None:
    record = {"a": {"0.5": {"x": 1}, "0": 2}, "list": [[3, 4]]}
    assert look_up(record, "a.0.5.x") == 1
    assert look_up(record, "a.0") == 2
    assert look_up(record, "list.0.1") == 4
    with pytest.raises(BuildError, match="no '2': nearest is 0"):
        look_up(record, "list.2")
    assert number(0.12345, ".1%") == "12.3%"
    assert number(0.12345, ".1p") == "12.3"
    assert number("kd", None) == "kd"
