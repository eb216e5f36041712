"""A finished run as files: what it was and measured, and the script that repeats it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labkit.training import keep, script


def write(record: Mapping[str, Any], name: str) -> tuple[Path, Path | None]:
    """Write the record as JSON and, beside it, the equivalent Python script; returns both paths.

    The script's is None for what `distill` cannot repeat. OSError where nothing can be written.
    """
    path = keep(record, re.sub(r"[^\w-]+", "-", name))
    try:
        text = script(record)
    except KeyError:
        return path, None
    code = path.with_suffix(".py")
    code.write_text(text, encoding="utf-8")
    return path, code
