"""The labs as files: found by number, run with other parameters, opened in JupyterLab."""

import ast
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from labkit.errors import unknown

LABS = Path(__file__).resolve().parents[1] / "labs"


class Executed(NamedTuple):
    """Where the executed notebook was written, and what stopped it, if anything did."""

    path: Path
    error: str | None = None


def find(name: str, *, solution: bool = False) -> Path:
    """The notebook of a lab by number ("1", "01") or name; `solution` takes the solved one.

    The path of a notebook that is there, such as one handed in, is that notebook.
    ValueError lists the labs there are; OSError where this copy of labkit came without them.
    """
    given = Path(name)
    if given.suffix == ".ipynb" and given.is_file() and not solution:
        return given
    labs = sorted(folder().glob("[0-9][0-9]_*.ipynb"))
    named = {lab.stem: lab for lab in labs} | {lab.stem[:2]: lab for lab in labs}
    asked = given.stem.lower()
    lab = named.get(asked.zfill(2))
    if lab is None:
        raise unknown("lab", name, [lab.stem for lab in labs])
    return lab.parent / "solutions" / lab.name if solution else lab


def folder() -> Path:
    """The folder of labs; OSError where there is none."""
    if not LABS.is_dir():
        raise OSError(f"no labs in {LABS}: clone the repository and install labkit from there")
    return LABS


def parameters(lab: Path) -> dict[str, Any]:
    """The names in the notebook's parameter cell with their defaults, which are plain literals."""
    import papermill

    found = papermill.inspect_notebook(lab)
    return {name: ast.literal_eval(described["default"]) for name, described in found.items()}


def typed(text: str) -> int | float | bool | str | None:
    """What a word on the command line stands for, as papermill reads it: else the word itself."""
    words = {"True": True, "False": False, "None": None}
    if text in words:
        return words[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def run(lab: Path, chosen: Mapping[str, Any], out: Path | None = None) -> Executed:
    """Run every cell with the `chosen` parameters, in the lab's folder; progress goes to stderr.

    The result goes to `out`, or to runs/NAME-DATE-TIME.ipynb (`LABKIT_RUNS` names another folder).
    A failed cell ends the run and is told in `error`. ValueError for a parameter the lab lacks.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError

    defaults = parameters(lab)
    for name in chosen:
        if name not in defaults:
            there = (f"{known} = {value!r}" for known, value in defaults.items())
            raise ValueError(f"{unknown('parameter', name, defaults)}\n  " + "\n  ".join(there))
    path = (out or _runs() / f"{lab.stem}-{datetime.now():%Y%m%d-%H%M%S}.ipynb").absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            lab, path, dict(chosen), kernel_name="python3", cwd=lab.parent, progress_bar=True
        )
    except (papermill.PapermillExecutionError, DeadKernelError) as error:
        return Executed(path, str(error).strip())
    return Executed(path)


def _runs() -> Path:
    return Path(os.environ.get("LABKIT_RUNS") or folder().parent / "runs").expanduser()


def server_flags(
    lab: str | None = None, *, port: int | None = None, browser: bool = True
) -> list[str]:
    """What JupyterLab is started with to show the labs, or one of them: as `make lab` does."""
    flags = [f"--ServerApp.root_dir={folder()}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--allow-root")
    if port is not None:
        flags.append(f"--ServerApp.port={port}")
    if not browser:
        flags.append("--no-browser")
    if lab is not None:
        flags.append(f"--LabApp.default_url=/lab/tree/{find(lab).name}")
    return flags
