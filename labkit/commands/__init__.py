"""One file a command: `labkit NAME` parses with its `arguments` and calls its `main`.

A file's first docstring line is the command's help, EXAMPLES stands at its end. Nothing heavy is
imported before `main` runs, so that help comes at once.
"""

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a command found out: `text` for a reader, `data` for `--json`, the exit status.

    status is 0, or 1 where the work was done but its outcome is bad (a problem, a failed cell).
    """

    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    status: int = 0


def need(package: str, what: str) -> None:
    """OSError that says how to install `package` if it is not here; `what` is what needs it."""
    if find_spec(package) is None:
        raise OSError(f"{what} needs {package}, which is not installed here: pip install {package}")
