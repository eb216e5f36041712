"""Labs by number, their parameters, and a small notebook run for real."""

import nbformat
import pytest
from nbformat import v4

from labkit import notebooks


@pytest.fixture
def labs(tmp_path, monkeypatch):
    """A folder with one small lab, and its solution."""
    monkeypatch.setattr(notebooks, "LABS", tmp_path / "labs")
    monkeypatch.setenv("LABKIT_RUNS", str(tmp_path / "runs"))
    cells = [
        v4.new_code_cell("STEPS = 2\nRATE = 0.5\nNAME = 'a'", metadata={"tags": ["parameters"]}),
        v4.new_code_cell("print(STEPS + 1, RATE, repr(NAME))"),
        v4.new_code_cell("assert STEPS > 0, 'no steps were asked for'"),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    book = v4.new_notebook(cells=cells, metadata=kernel)
    for folder in (tmp_path / "labs", tmp_path / "labs/solutions"):
        folder.mkdir()
        nbformat.write(book, folder / "03_small.ipynb")
    return tmp_path / "labs"


@pytest.mark.parametrize("name", ["3", "03", "03_small", "03_small.ipynb", "labs/03_SMALL.ipynb"])
def test_a_lab_is_found_by_number_or_name(name, labs):
    assert notebooks.find(name) == labs / "03_small.ipynb"
    assert notebooks.find(name, solution=True) == labs / "solutions/03_small.ipynb"


def test_the_path_of_a_notebook_is_that_notebook(labs, tmp_path):
    handed_in = tmp_path / "03_small.ipynb"
    handed_in.write_text("{}")
    assert notebooks.find(str(handed_in)) == handed_in


def test_an_unknown_lab_lists_those_there_are(labs):
    with pytest.raises(ValueError, match="Did you mean '03_small'"):
        notebooks.find("03_smal")
    with pytest.raises(ValueError, match="unknown lab '4'"):
        notebooks.find("4")


def test_a_copy_without_labs_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "LABS", tmp_path / "none")
    with pytest.raises(OSError, match="clone the repository"):
        notebooks.find("01")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("8", 8), ("-3", -3), ("0.5", 0.5), ("1e-3", 0.001), ("True", True), ("False", False),
        ("None", None), ("true", "true"), ("cifar10", "cifar10"), ("folder:/a b", "folder:/a b"),
    ],
)  # fmt: skip
def test_words_are_typed_as_papermill_types_them(word, value):
    from papermill.cli import _resolve_type

    assert notebooks.typed(word) == value == _resolve_type(word)
    assert type(notebooks.typed(word)) is type(value)


def test_an_unknown_parameter_lists_all_with_their_defaults(labs):
    with pytest.raises(ValueError, match="Did you mean 'STEPS'") as raised:
        notebooks.run(labs / "03_small.ipynb", {"STEP": 3})
    for line in ("STEPS = 2", "RATE = 0.5", "NAME = 'a'"):
        assert f"\n  {line}" in str(raised.value)
    assert not (labs.parent / "runs").exists()


@pytest.mark.slow
def test_a_notebook_runs_with_the_parameters_it_was_given(labs, capfd):
    done = notebooks.run(notebooks.find("3"), {"STEPS": 6, "NAME": "b"})
    assert done.error is None
    assert done.path.parent == labs.parent / "runs" and done.path.name.startswith("03_small-")
    book = nbformat.read(done.path, as_version=4)
    outputs = [out for cell in book.cells for out in cell.get("outputs", [])]
    assert "7 0.5 'b'" in [out.text.strip() for out in outputs]
    printed = capfd.readouterr()
    assert printed.out == "" and "Executing" in printed.err


@pytest.mark.slow
def test_a_failed_cell_is_told_and_what_ran_is_kept(labs, tmp_path):
    out = tmp_path / "deep" / "out.ipynb"
    done = notebooks.run(notebooks.find("3"), {"STEPS": 0}, out)
    assert done.path == out and out.is_file()
    assert "AssertionError: no steps were asked for" in done.error
    assert "\x1b[" not in done.error
