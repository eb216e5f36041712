"""The files around the package agree with each other, and the package keeps to its rooms."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import labkit

PINS = ("constraints.txt", "constraints-colab.txt")
# Which rooms a room may import: arrows point one way (errors is everyone's).
BELOW = {
    "data": {"data"},
    "models": {"models"},
    "losses": {"losses"},
    "evaluation": {"evaluation", "losses", "models", "data"},
    "training": {"training", "evaluation", "losses", "models", "data"},
    "exercises": {"exercises", "training", "evaluation", "losses", "models", "data"},
    "figures": {"figures", "training", "evaluation", "losses", "models", "data"},
}
DRAWING = {"plotly", "ipywidgets", "anywidget"}


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


def pins(file: Path) -> list[Requirement]:
    """The pins of a constraints file that hold on this machine."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    found = [Requirement(line) for line in lines]
    return [pin for pin in found if pin.marker is None or pin.marker.evaluate()]


def test_environment_yml_asks_for_what_pyproject_asks(root: Path, project: dict[str, Any]) -> None:
    environment = yaml.safe_load((root / "environment.yml").read_text())
    assert set(environment) == {"name", "channels", "dependencies"}
    python, pip, pip_part = environment["dependencies"]
    assert python == f"python{project['requires-python']}"
    assert pip == "pip"
    assert pip_part == {"pip": ["-c constraints.txt", "-e .[lab]"]}
    assert "lab" in project["optional-dependencies"]


def test_the_readme_gives_the_same_python_and_requirements(
    root: Path, project: dict[str, Any]
) -> None:
    readme = (root / "README.md").read_text()
    oldest = project["requires-python"].removeprefix(">=")
    named = re.findall(r"Python (3\.\d+)", readme)
    assert named and set(named) == {oldest}
    assert re.search(r"-c constraints\.txt -e [\"']?\.\[lab\]", readme)
    assert "make lab" in readme and "make test" in readme


@pytest.mark.parametrize("name", PINS)
def test_pins_are_pins_and_nothing_else(name: str, root: Path) -> None:
    text = (root / name).read_text()
    assert "://" not in text and "--" not in text
    for pin in pins(root / name):
        assert re.fullmatch(r"==[\w.+!]+", str(pin.specifier)), pin


@pytest.mark.parametrize("name", PINS)
def test_pins_lie_in_the_ranges_of_pyproject(
    name: str, root: Path, project: dict[str, Any]
) -> None:
    pinned = {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins(root / name)
    }
    for line in project["dependencies"]:
        wanted = Requirement(line)
        assert pinned[canonicalize_name(wanted.name)] in wanted.specifier, line


def test_colab_versions_are_admitted(project: dict[str, Any]) -> None:
    colab = {"torch": "2.11", "torchvision": "0.26", "plotly": "5.24.1", "ipywidgets": "7.7.1"}
    ranges = {wanted.name: wanted for wanted in map(Requirement, project["dependencies"])}
    assert [name for name, version in colab.items() if version not in ranges[name].specifier] == []


def test_this_environment_is_the_pinned_one(root: Path) -> None:
    installed = {
        canonicalize_name(d.metadata["Name"]): d.version for d in importlib.metadata.distributions()
    }
    wanted = {canonicalize_name(pin.name): pin for pin in pins(root / PINS[0])}
    here = [(pin, installed[name]) for name, pin in wanted.items() if name in installed]
    assert len(here) > len(installed) / 2
    assert [f"{pin}, not {got}" for pin, got in here if got not in pin.specifier] == []


def test_versions_and_licence_agree(root: Path, project: dict[str, Any]) -> None:
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert project["version"] == labkit.__version__ == str(citation["version"])
    assert project["license"]["text"] == citation["license"] == "MIT"
    assert (root / "LICENSE").read_text().startswith("MIT License")


def test_the_repository_address_stands_in_one_place(root: Path, project: dict[str, Any]) -> None:
    owner = project["urls"]["Repository"].split("/")[-2]
    patterns = ("labkit/**/*.py", "labs/*.py", "labs/source/*.py")
    sources = [path for pattern in patterns for path in root.glob(pattern)]
    assert [path.name for path in sources if owner in path.read_text()] == []


def test_every_way_to_check_runs_the_same_command(root: Path) -> None:
    workflow = yaml.safe_load((root / ".github/workflows/test.yml").read_text())
    steps = [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]
    assert "make test" in steps
    assert re.search(r"^make test ", (root / ".ci/run").read_text(), re.M)
    assert os.access(root / ".ci/run", os.X_OK)
    hooks = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]


@pytest.mark.parametrize(
    ("mark", "folder"), [("notebook", "notebooks"), ("stacks", "stacks"), ("browser", "browser")]
)
def test_a_stage_s_tests_stand_in_its_folder(mark: str, folder: str, root: Path) -> None:
    here = re.compile(rf"mark\.{mark}\b")
    marked = [path for path in root.glob("tests/**/test_*.py") if here.search(path.read_text())]
    assert {path.parent.name for path in marked} <= {folder}


def imported(path: Path) -> set[str]:
    """The modules a file imports, wherever in it, relative ones as labkit.ROOM."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            one_level = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= one_level if node.module == "labkit" else {node.module}
    return names


@pytest.mark.parametrize("room", BELOW)
def test_arrows_point_one_way(room: str, root: Path) -> None:
    rooms = {f"labkit.{other}" for other in labkit.ROOMS if other not in BELOW[room]}
    barred = rooms | (DRAWING if room != "figures" else set())
    files = sorted((root / "labkit" / room).rglob("*.py"))
    assert files
    wrong = [(path.name, name) for path in files for name in imported(path) if in_any(name, barred)]
    assert wrong == []


def in_any(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_importing_labkit_loads_no_room() -> None:
    code = "import labkit, sys; print({'torch', 'plotly', 'labkit.data'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    """What make looks at, somewhere else, without an environment; tools in bin/ come first."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(root / name, tmp_path)
    (tmp_path / "bin").mkdir()
    return tmp_path


def make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PATH": f"{clone / 'bin'}:{os.environ['PATH']}", "MAKEFLAGS": ""}
    return subprocess.run(
        ["make", *arguments], cwd=clone, env=env, capture_output=True, text=True, check=False
    )


def fake(clone: Path, name: str, script: str) -> None:
    file = clone / "bin" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_make_alone_lists_the_targets(clone: Path) -> None:
    shown = make(clone).stdout
    assert all(f"\n{target} " in f"\n{shown}" for target in ("lab", "test", "test-fast", "help"))


def test_too_little_disk_is_said_before_anything_is_made(clone: Path) -> None:
    fake(clone, "df", "echo head; echo disk 9 9 3145728 9 /")
    ran = make(clone, "lab")
    assert ran.returncode != 0
    assert "needs 8 GB of free disk" in ran.stdout and "only 3 GB" in ran.stdout
    assert not (clone / ".venv").exists()


def test_no_new_enough_python_is_said(clone: Path) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        fake(clone, name, "exit 1")
    ran = make(clone, "lab")
    assert ran.returncode != 0 and "needs Python 3.11 or newer" in ran.stdout
    assert not (clone / ".venv").exists()


def test_a_ready_environment_is_left_alone_until_a_pin_changes(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv/.ready-test").touch()
    assert "pip install" not in make(clone, "-n", "lab").stdout
    changed = clone / "constraints.txt"
    os.utime(changed, (changed.stat().st_atime, changed.stat().st_mtime + 60))
    assert "pip install" in make(clone, "-n", "lab").stdout


def test_torch_cpu_reaches_uv(clone: Path) -> None:
    assert "--torch-backend cpu" in make(clone, "-n", "lab", "TORCH=cpu").stdout
    assert "--torch-backend" not in make(clone, "-n", "lab").stdout
