"""The local store: tensors made once, kept in one file each, trusted only if whole.

A file is written beside its place and moved there when it is complete, and carries a digest of
its tensors that every reading checks: whatever was killed, cut off or damaged is made again.
`LABKIT_DATA` names the folder; without it, data/cache in the repository, or ~/.cache/labkit.
"""

import contextlib
import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from torch import Tensor

FORMAT = 1  # of this file's layout: another number is made again
PATIENCE = 2.0  # seconds before saying that another process holds the lock
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Stored:
    """Tensors, the facts that describe them, and the digest of both: sha256, 64 hex digits."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    digest: str


def folder() -> Path:
    """Where the store is; it need not exist yet."""
    if os.environ.get("LABKIT_DATA"):
        return Path(os.environ["LABKIT_DATA"]).expanduser()
    here = REPOSITORY / "data"
    if here.is_dir() and os.access(here, os.W_OK):
        return here / "cache"
    return Path.home() / ".cache" / "labkit"


def remember(
    name: str, facts: Mapping[str, Any], make: Callable[[], Mapping[str, Tensor]]
) -> Stored:
    """The tensors stored as `name` under `facts`, or else made now and stored.

    `facts` (plain JSON) is all that the tensors depend on, a version of their maker included:
    other facts are another file. Two processes that ask at once make them once. Where nothing
    can be written (a read-only folder, a full disk) a warning says so and nothing is stored.
    """
    path = place(name, facts)
    found = read(path, facts)
    if found is not None:
        return found
    with _alone(path):
        found = read(path, facts)  # the process we waited for has made them
        if found is not None:
            return found
        tensors = {key: value.cpu().contiguous() for key, value in make().items()}
        stored = Stored(tensors, dict(facts), digest(tensors, facts))
        try:
            write(path, stored)
        except OSError as error:
            warnings.warn(
                f"{name} could not be kept in {path.parent} ({error.strerror or error}): it is "
                "made anew next time. LABKIT_DATA can name another folder.",
                stacklevel=3,
            )
        return stored


def place(name: str, facts: Mapping[str, Any]) -> Path:
    """The file of `name` under `facts`."""
    key = hashlib.sha256(_text(facts).encode()).hexdigest()[:12]
    return folder() / f"{name}-{key}.safetensors"


def read(path: Path, facts: Mapping[str, Any]) -> Stored | None:
    """The file's content if it is whole, of this format, and made under `facts`; else None."""
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            notes = file.metadata() or {}
            if notes.get("format") != str(FORMAT) or notes.get("facts") != _text(facts):
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
    if digest(tensors, facts) != notes.get("digest"):
        return None
    return Stored(tensors, dict(facts), notes["digest"])


def write(path: Path, stored: Stored) -> None:
    """Put the content at `path`, whole or not at all; raises OSError."""
    from safetensors.torch import save

    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{path.stem}.*.part"):  # of a process that was killed
        left.unlink(missing_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.part")
    notes = {"format": str(FORMAT), "facts": _text(stored.facts), "digest": stored.digest}
    try:
        with draft.open("wb") as file:
            # not save_file: it has a temporary file of its own, which a kill would leave behind
            file.write(save(stored.tensors, notes))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def digest(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    """sha256 over the facts, and every tensor's name, type, shape and bytes."""
    sums = hashlib.sha256(_text(facts).encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        sums.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        sums.update(value.flatten().view(torch.uint8).numpy().data)
    return sums.hexdigest()


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the file's lock; where no lock can be made, go on without one."""
    lock = FileLock(path.with_suffix(".lock"))
    with contextlib.suppress(OSError, NotImplementedError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            print(f"waiting: another process is preparing {path.stem} ...", flush=True)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _text(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, sort_keys=True)
