"""What the builder fills into a master's text: numbers from records, the badge, the address.

{{record:NAME.path.to.value|.1f}}   from data/reference/NAME.json, in a Python format;
                                    a format that ends in p gives points (100 times the value)
{{colab_badge}}  {{repository}}     from the address in pyproject.toml
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TEMPLATE = re.compile(r"\{\{(\w+)(?::([^{}|]+)(?:\|([^{}]+))?)?\}\}")
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
COLAB = "https://colab.research.google.com/github"


class BuildError(ValueError):
    """A master that cannot be built; the message names the master and the cell."""


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def look_up(record: Any, path: str) -> Any:
    """The value at a dotted path of a JSON record; keys may hold dots, lists take indices.

    Raises BuildError naming what is there and the nearest of it.
    """
    if not path:
        return record
    inside = members(record)
    for key in sorted(inside, key=len, reverse=True):
        if path == key or path.startswith(f"{key}."):
            return look_up(inside[key], path[len(key) + 1 :])
    raise BuildError(f"no {path!r}{nearest(path, inside)}")


def members(value: Any) -> dict[str, Any]:
    """What a JSON value holds, by key or by index; nothing if it is a single value."""
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return value if isinstance(value, dict) else {}


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of an error message that lists the choices, the nearest first."""
    ranked = difflib.get_close_matches(name, list(choices), n=10, cutoff=0.0)
    return f": nearest is {', '.join(ranked)}" if ranked else ": nothing is there"


def number(value: Any, spec: str | None) -> str:
    """`value` in Python's format `spec`; a spec that ends in p gives 100 times it, as points."""
    if members(value):
        raise BuildError(f"not a single value but {', '.join(members(value))}")
    if spec and spec.endswith("p"):
        return format(100 * value, f"{spec[:-1]}f")
    return format(value, spec or "")


def repository(root: Path) -> str:
    """The repository's address, from pyproject.toml, the one place that knows it."""
    project = tomllib.loads(read(root / "pyproject.toml"))["project"]
    return str(project["urls"]["Repository"])


def fill(text: str, root: Path, notebook: Path) -> str:
    """`text` with its templates filled in: record:NAME.path|spec, colab_badge, repository."""

    def value(match: re.Match[str]) -> str:
        kind, path, spec = match.groups()
        if kind == "record" and path:
            return record(root, path, spec)
        if kind == "repository" and not path:
            return repository(root)
        if kind == "colab_badge" and not path:
            owner = repository(root).removeprefix("https://github.com")
            target = f"{COLAB}{owner}/blob/main/{notebook.relative_to(root).as_posix()}"
            return f"[![Open in Colab]({BADGE})]({target})"
        raise BuildError(f"unknown template {match[0]}")

    return TEMPLATE.sub(value, text)


def record(root: Path, path: str, spec: str | None) -> str:
    """The number at `path` of data/reference: the file's name, a dot, the path inside it."""
    name, _, inside = path.partition(".")
    files = {file.stem: file for file in sorted((root / "data/reference").glob("*.json"))}
    if name not in files:
        raise BuildError(f"no record {name!r} in data/reference{nearest(name, files)}")
    try:
        return number(look_up(json.loads(read(files[name])), inside), spec)
    except (BuildError, ValueError, TypeError) as error:
        raise BuildError(f"{{{{record:{path}}}}}: {error}") from None
