"""The bootstrap cell: silent where labkit is, and a set-up of its own where only a notebook is."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

import build
from tests.notebooks.guards import LABS, parameters_of, read

COLAB = Path(".venv-colab")
LEFT_OUT = "safetensors"  # the dependency that the bootstrap cell has to install
SMALL = """# %% tags=["bootstrap"]

# %% tags=["parameters"]
BUDGET = "smoke"

# %%
import labkit
import torch
print(labkit.__file__, torch.__file__, labkit.__version__, sep="\\n")
"""


def bare_run(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The bootstrap cell, then `import labkit`, in a Python that has no packages at all."""
    code = (root / "labs/bootstrap.py").read_text() + "\nimport labkit; print(labkit.__name__)"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=folder, capture_output=True, text=True
    )


def test_from_a_folder_of_the_repository_it_finds_labkit(root: Path) -> None:
    ran = bare_run(root, root / "labs" / "source")
    assert (ran.stdout, ran.stderr) == ("labkit\n", "")


def test_elsewhere_it_says_what_to_do(root: Path, tmp_path: Path) -> None:
    ran = bare_run(root, tmp_path)
    assert ran.returncode == 1
    assert ran.stderr.endswith(
        "ModuleNotFoundError: labkit is not installed here: run `make lab` in its repository\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def origin(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository that holds this working tree."""
    folder = tmp_path_factory.mktemp("origin")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)
    for command in ("init -q", "add -A", "-c user.name=t -c user.email=t@t commit -qm all"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def kernel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Jupyter path whose kernel `bare` has Colab's packages, pip, no labkit and no LEFT_OUT."""
    if not (root / COLAB / ".ready").exists():
        pytest.skip(f"{COLAB} is not set up: run `make test`")
    folder = tmp_path_factory.mktemp("bare")
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "venv", "-q", "--seed", "--python", root / COLAB, folder / "venv"]
    subprocess.run(command, check=True)
    packages = folder / "packages"
    packages.mkdir()
    for entry in next((root / COLAB).glob("lib/python*/site-packages")).iterdir():
        if not entry.name.startswith((LEFT_OUT, "_virtualenv", "pip")):
            (packages / entry.name).symlink_to(entry)
    site = next((folder / "venv").glob("lib/python*/site-packages"))
    (site / "colab.pth").write_text(f"{packages}\n")
    spec = folder / "kernels" / "bare" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [str(folder / "venv/bin/python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "bare", "language": "python"}))
    return folder


def run_alone(
    notebook: Path, kernel: Path, origin: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> nbformat.NotebookNode:
    """Run a notebook from a folder that holds nothing else, smoke budget, Colab's driver."""
    monkeypatch.setenv("JUPYTER_PATH", str(kernel))
    monkeypatch.setenv("LABKIT_BOOTSTRAP", str(origin))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    alone = Path(shutil.copy(notebook, folder))
    chosen = {"BUDGET": "smoke", "DRIVER": "tick"}
    known = parameters_of(read(notebook))
    return papermill.execute_notebook(
        alone, folder / "ran.ipynb", {name: chosen[name] for name in chosen.keys() & known.keys()},
        kernel_name="bare", cwd=folder, progress_bar=False, execution_timeout=300,
    )  # fmt: skip


@pytest.mark.stacks
def test_it_fetches_labkit_and_installs_only_what_is_missing(
    root: Path, kernel: Path, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, folder = tmp_path / "house", tmp_path / "empty"
    (house / "labs/source").mkdir(parents=True)
    folder.mkdir()
    for name in ("pyproject.toml", "labs/bootstrap.py"):
        shutil.copy(root / name, house / name)
    (house / "labs/source/01_small.py").write_text(SMALL)
    assert build.main([], house) == 0
    ran = run_alone(house / "labs/01_small.ipynb", kernel, origin, folder, monkeypatch)
    said = ran.cells[0].outputs[-1].text
    assert f"installed beside it: {LEFT_OUT}\n" in said
    labkit_file, torch_file, _ = ran.cells[-1].outputs[-1].text.split("\n", 2)
    assert labkit_file == str(folder / "labkit-repo/labkit/__init__.py")
    assert torch_file == str(kernel / "packages/torch/__init__.py")
    site = next((kernel / "venv").glob("lib/python*/site-packages"))
    assert not {"torch", "numpy", "torchvision"} & {entry.name for entry in site.iterdir()}


@pytest.mark.stacks
@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.stem)
def test_a_lab_runs_from_a_folder_that_holds_only_its_notebook(
    lab: Path, kernel: Path, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "bootstrap" in build.tags(next(c for c in read(lab).cells if c.cell_type == "code"))
    ran = run_alone(lab, kernel, origin, tmp_path, monkeypatch)
    assert (tmp_path / "labkit-repo").is_dir()
    assert ran.cells[-1].cell_type == "markdown" or ran.cells[-1].execution_count
