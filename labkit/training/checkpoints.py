"""Checkpoints that survive a kill at any moment: written beside, then moved; the last two kept."""

import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

KEPT = 2


def save(folder: Path, step: int, state: Mapping[str, Any]) -> Path:
    """Write `state` as folder/step-N.pt and remove all but the newest two; returns the file.

    A reader finds the whole file or none. Raises OSError where it cannot be written (a full disk,
    say); what was there before stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, draft = folder / f"step-{step:09d}.pt", folder / f"step-{step:09d}.part"
    try:
        with draft.open("wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except (OSError, RuntimeError) as error:  # torch turns a failed write into RuntimeError
        draft.unlink(missing_ok=True)
        raise OSError(f"no checkpoint could be written to {folder}: {error}") from error
    for old in sorted(folder.glob("step-*.pt"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def newest(folder: Path) -> dict[str, Any] | None:
    """The state of the newest checkpoint in `folder` that can be read; None where there is none."""
    for draft in folder.glob("step-*.part"):  # of a killed run
        draft.unlink(missing_ok=True)
    for path in sorted(folder.glob("step-*.pt"), reverse=True):
        try:
            with zipfile.ZipFile(path) as archive:
                if archive.testzip() is None:  # torch itself does not check the sums
                    return torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, zipfile.BadZipFile):
            continue
    return None


def clear(folder: Path) -> None:
    """Remove the checkpoints in `folder`, and nothing else."""
    for path in folder.glob("step-*"):
        if re.fullmatch(r"step-\d+\.(pt|part)", path.name):
            path.unlink(missing_ok=True)


def check_same(here: Mapping[str, Any], there: Mapping[str, Any], folder: Path) -> None:
    """ValueError unless a checkpoint's settings are those of the run that would go on with it."""
    different = [
        f"{name} {there.get(name)!r} there and {here.get(name)!r} here"
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name)
    ]
    if different:
        raise ValueError(
            f"the checkpoint in {folder} is of another run ({'; '.join(different)}): "
            "name another folder, or remove that one"
        )
