"""A finished run as files: what it was and measured, and the script that repeats it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labkit.training import keep, script


def write(record: Mapping[str, Any], name: str) -> tuple[Path, Path]:
    """Write the record as JSON and, beside it, the equivalent Python script; returns both paths.

    OSError where nothing can be written, ValueError where the record lacks what a script needs
    (the JSON is kept then too).
    """
    path = keep(record, re.sub(r"[^\w-]+", "-", name))
    code = path.with_suffix(".py")
    try:
        text = script(record)
    except KeyError as error:
        raise ValueError(f"no script: the record, kept in {path}, lacks {error}") from error
    code.write_text(text, encoding="utf-8")
    return path, code
