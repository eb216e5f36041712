"""Where the lines are kept, when they are, and how one is added.

Lines are kept where somebody sits at a notebook: not by scripts and sweeps, nor by papermill, nbval
and nbconvert. LABKIT_PROGRESS=off keeps none, LABKIT_PROGRESS=on keeps them anywhere. No name of
a person or a machine and no path is written.
"""

import json
import math
import os
import re
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from labkit.progress.chain import KINDS, START, chained, digest, read, sound

FILE = "progress.jsonl"
PATIENCE = 1.0  # seconds to wait for another kernel that is writing
TAIL = 1 << 16  # bytes: more than any line has
LONGEST = 200  # characters of a name
NAMELESS = "training"  # a run's name where nobody gave it one, as in sweeps
NETWORK = ("student", "model", "network")  # how configs name what was trained


def place() -> Path:
    """The file, beside the runs that `training.keep` writes; it need not exist yet."""
    home = Path(__file__).resolve().parents[2]
    home = home if os.access(home, os.W_OK) else Path.cwd()
    return Path(os.environ.get("LABKIT_RUNS") or home / "runs").expanduser() / FILE


def kept() -> bool:
    """Whether lines are kept: as LABKIT_PROGRESS says, else where somebody sits at a notebook."""
    said = os.environ.get("LABKIT_PROGRESS", "").lower()
    if said in ("on", "off"):
        return said == "on"
    kernel = getattr(_shell(), "kernel", None)
    # what runs notebooks by itself tells the kernel that nobody is there to answer input()
    return kernel is not None and bool(getattr(kernel, "_allow_stdin", True))


def notebook() -> str:
    """The number of the lab whose notebook this kernel belongs to, "01"; "" where none is known."""
    shell = _shell()
    opened = getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__", "")  # VS Code
    opened = opened or os.environ.get("JPY_SESSION_NAME", "")  # a Jupyter server
    found = re.search(r"(\d\d)_\w+\.ipynb$", str(opened))
    return found[1] if found else ""


def note(kind: str, *, name: str, lab: str = "", **facts: Any) -> bool:
    """Add a line of `kind` ("check", "prediction", "choice", "run"); False if none was kept.

    `lab` is that of the notebook unless given. A folder that cannot be written is no error: what
    a learner is doing matters more. ValueError for facts a line of that kind does not have.
    """
    if kind not in KINDS or facts.keys() != KINDS[kind].keys():
        raise ValueError(f"a line of kind {kind!r} has {KINDS.get(kind)}, got {facts!r}")
    if not kept():
        return False
    now = datetime.now().isoformat(timespec="seconds")
    entry = {"time": now, "kind": kind, "lab": lab or notebook(), "name": str(name)[:LONGEST]}
    try:
        _append(place(), entry | facts)
    except Exception:  # whatever a file system may come up with: no lab fails for it
        return False
    return True


def attempts(lab: str, name: str) -> int:
    """How many predictions the card has under this name; 0 where it cannot be read."""
    try:
        lines = read(place())
    except OSError:
        return 0
    asked = [line for line in lines if line.get("kind") in ("prediction", "choice")]
    return sum((line["lab"], line["name"]) == (lab, name) for line in asked)


def finished(name: str, record: Mapping[str, Any]) -> bool:
    """Note the end of a run by name, network and the digest of its record; a nameless one is not.

    Never raises: records are what a training makes of them.
    """
    if name == NAMELESS or not kept():
        return False
    try:
        config, result = record.get("config") or {}, record.get("result") or {}
        network = next((config[key] for key in NETWORK if isinstance(config.get(key), str)), "")
        accuracy = float(result.get("test_accuracy", math.nan))
        facts: dict[str, Any] = {
            "network": network[:LONGEST],
            "test_accuracy": round(accuracy, 4) if math.isfinite(accuracy) else None,
            "knob_changes": len(record.get("knob_changes") or ()),
            "record": digest(record),
        }
    except (AttributeError, TypeError, ValueError):
        return False
    return note("run", name=name, **facts)


def _append(path: Path, entry: Mapping[str, Any]) -> None:
    """One line at the end, under a lock: two kernels may be at it."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock"), timeout=PATIENCE), path.open("a+b") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - TAIL))
        end = file.read()
        linked = chained(entry, _last_hash(end))
        if not sound(linked):  # would read as damaged for ever after
            raise ValueError(f"not a line of the card: {linked}")
        line = json.dumps(linked)
        cut_off = bool(end) and not end.endswith(b"\n")  # by a kill: it stays, by itself
        file.write(f"{chr(10) if cut_off else ''}{line}\n".encode())


def _last_hash(end: bytes) -> str:
    """The hash in the last line that has one."""
    for line in reversed(end.splitlines()):
        try:
            return str(json.loads(line)["hash"])
        except (ValueError, TypeError, KeyError):
            continue
    return START


def _shell() -> Any:
    """IPython's shell, if this process has one; nothing is imported to find out."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None
