"""Lines that name the line before them: a line changed, put in or taken out later shows.

What it cannot show: lines taken off at the end, and a file made anew as a whole.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Entry = dict[str, Any]
START = ""  # what the first line says of the line before it
EVERY: Mapping[str, type] = {"time": str, "lab": str, "name": str, "before": str, "hash": str}
KINDS: Mapping[str, Mapping[str, type]] = {  # float: a finite number; it may be None where...
    "check": {"passed": bool, "mistake": str},
    "prediction": {"guess": float, "answer": float, "off": float, "unit": str, "attempt": int},
    "choice": {"guess": str, "answer": str, "right": bool, "attempt": int},
    "run": {"network": str, "test_accuracy": float, "knob_changes": int, "record": str},
}
MAY_LACK = ("test_accuracy",)  # ... the name stands here


def canonical(value: Any) -> str:
    """The one way to write plain JSON down: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def digest(value: Any) -> str:
    """sha256 of a record as it is after a round trip through JSON: 64 hex digits.

    A record and the file that `training.keep` wrote of it have the same.
    """
    plain = json.loads(json.dumps(value, default=str))
    return hashlib.sha256(canonical(plain).encode()).hexdigest()


def chained(entry: Mapping[str, Any], before: str) -> Entry:
    """`entry` with the hash of the line before it, and its own."""
    linked = {**entry, "before": before}
    return {**linked, "hash": digest(linked)}


def read(path: Path) -> list[Entry]:
    """The lines of a file; one that is none of ours is {"damaged": its text}.

    No file is no lines. OSError where it cannot be read.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return [_parsed(line) for line in lines if line.strip()]


def broken(entries: Iterable[Entry]) -> Entry | None:
    """The first entry whose own hash, or whose word on the line before it, does not fit."""
    before = START
    for entry in entries:
        rest = {name: value for name, value in entry.items() if name != "hash"}
        if entry.get("before") != before or entry.get("hash") != digest(rest):
            return entry
        before = entry["hash"]
    return None


def stamp(entries: list[Entry]) -> str:
    """12 hex digits that stand for all lines up to the last; a later file must contain them."""
    return str(entries[-1].get("hash", ""))[:12] if entries else ""


def _parsed(line: str) -> Entry:
    try:
        entry = json.loads(line)
        if sound(entry):
            return entry
    except (ValueError, TypeError, OverflowError, RecursionError):
        pass
    return {"damaged": line[:200]}


def sound(entry: Any) -> bool:
    """Whether a line has what its kind must have: what is handed in may say anything."""
    shape = {**EVERY, **KINDS.get(entry["kind"], {})} if _named(entry) else None
    return shape is not None and all(_is(entry, name, kind) for name, kind in shape.items())


def _named(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("kind"), str)


def _is(entry: Entry, name: str, kind: type) -> bool:
    value = entry.get(name)
    if value is None:
        return name in MAY_LACK
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is kind
