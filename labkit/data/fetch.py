"""Files from the net: continued where they broke off, checked, in their place only when whole."""

import contextlib
import errno
import hashlib
import http.client
import os
import shutil
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from torch import Tensor

from labkit.data import store
from labkit.data.progress import Progress

PATIENCE = 10.0  # seconds that a connection may be silent
TRIES = 5  # times in a row that a transfer may fail without having brought a byte
PAUSE = 1.0  # seconds before the second try; twice as long before each further one
SLOW = 200e3  # bytes a second: below it another source is named
WINDOW = 10.0  # seconds over which the rate is taken
CHUNK = 1 << 16  # bytes
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO}
AGENT = "labkit (course software)"  # some hosts turn away Python's own name


def download(
    url: str,
    path: Path,
    *,
    digest: str = "",
    version: str = "",
    instead: str = "",
    progress: bool = True,
) -> Path:
    """Bring `url` to `path`, unless it is there already; returns `path`.

    `digest` ("sha256:..." or "md5:...") is checked, of a file that is there too.  What an earlier
    call brought of the same `version` (default: the digest) is continued; without either, all is
    fetched again.  `instead` says what to do when it is slow.
    ConnectionError where the host cannot be reached, refuses, falls silent or sends damaged
    content twice; any other OSError where the file cannot be written.
    """
    if path.is_file():
        if matches(path, digest):
            return path
        set_aside(path)
    if offline():
        raise ConnectionError("HF_HUB_OFFLINE is set, which forbids it")
    part = _part(path, version or digest)
    pace = Pace(path.name, instead)
    for _ in range(2):
        _receive(url, part, pace, progress)
        if matches(part, digest):
            part.replace(path)
            return path
        part.unlink()
    raise ConnectionError(f"{host(url)} sent a file twice that does not have the {digest}")


def offline() -> bool:
    """Whether HF_HUB_OFFLINE, which the hub's own library reads too, forbids downloads."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def host(url: str) -> str:
    """The host's name in `url`."""
    return urlsplit(url).netloc


def matches(path: Path, digest: str) -> bool:
    """Whether the file's content has this "name:hex" digest; an empty one is not checked."""
    if not digest:
        return True
    name, _, expected = digest.partition(":")
    with path.open("rb") as file:
        return hashlib.file_digest(file, name).hexdigest() == expected


def set_aside(path: Path) -> None:
    """Rename a file that is no use, so that nothing trusts it and nobody's file is lost."""
    path.replace(path.with_name(f"{path.name}.bad"))


def remember(
    name: str, facts: Mapping[str, Any], bring: Callable[[Path], Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """`store.remember` for what `bring` makes of files that it downloads to the folder it is given.

    The downloads are deleted when the store holds what was made of them.
    """

    def make() -> Mapping[str, Tensor]:
        with _writable(place) as folder:
            return bring(folder)

    place = downloads(name)
    stored = store.remember(name, facts, make)
    if place.is_dir() and store.place(name, facts).is_file():
        shutil.rmtree(place, ignore_errors=True)
    return stored.tensors


def downloads(name: str) -> Path:
    """Where the downloads for `name` lie, and where files put there by hand are found."""
    return store.folder() / "downloads" / name


@contextlib.contextmanager
def _writable(place: Path) -> Iterator[Path]:
    """The folder `place`, where parts outlive their process, or where that cannot be another."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=place).close()
        folder: AbstractContextManager[str] = nullcontext(str(place))
    except OSError:
        folder = tempfile.TemporaryDirectory()
    with folder as name:
        yield Path(name)


class Pace:
    """The rate over the last ten seconds, and one warning when it is low."""

    def __init__(self, what: str, instead: str = "") -> None:
        self.what, self.instead, self.warned = what, instead, False
        self.start()

    def start(self) -> None:
        """A transfer begins."""
        self.total = 0  # bytes
        self.marks = deque([(time.monotonic(), 0)])  # (time, total), the first WINDOW ago

    def add(self, count: int) -> None:
        """`count` more bytes have come."""
        self.total, now = self.total + count, time.monotonic()
        if now - self.marks[-1][0] > WINDOW / 20:
            self.marks.append((now, self.total))
        while len(self.marks) > 1 and now - self.marks[1][0] >= WINDOW:
            self.marks.popleft()
        began, before = self.marks[0]
        rate = (self.total - before) / max(now - began, 1e-9)
        if now - began >= WINDOW and rate < SLOW and not self.warned:
            self.warned = True
            warnings.warn(
                f"{self.what} comes at only {rate / 1e3:.0f} kB/s. {self.instead}".rstrip(),
                stacklevel=2,
            )


def _part(path: Path, version: str) -> Path:
    """Where the beginning of this version of the file is kept; other versions' are removed."""
    key = hashlib.sha256(version.encode()).hexdigest()[:8]
    part = path.with_name(f"{path.name}.{key}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{path.name}.*.part"):
        if left != part or not version:
            left.unlink(missing_ok=True)
    return part


def _receive(url: str, part: Path, pace: Pace, progress: bool) -> None:
    """Append to `part` until the file is whole, over as many connections as that takes."""
    begun, tries = False, 0
    while True:
        had = _size(part)
        try:
            return _stream(url, part, pace, progress)
        except (OSError, http.client.HTTPException) as error:
            reason = _reason(error)
            gained = _size(part) > had
            begun = begun or gained
            tries = 1 if gained else tries + 1
            if not begun and not isinstance(error, urllib.error.HTTPError):
                # perhaps there is no network at all: do not keep anybody waiting
                raise ConnectionError(f"{host(url)}: {reason}") from error
            if tries > TRIES:
                raise ConnectionError(f"{host(url)}: {reason}, time and again") from error
        pause = PAUSE * 2 ** (tries - 1)
        if progress:
            print(f"{pace.what}: {reason}, trying again in {pause:.0f} s", flush=True)
        time.sleep(pause)


def _reason(error: Exception) -> str:
    """What went wrong with the net, in words; raises `error` where no new try will help."""
    if isinstance(error, urllib.error.HTTPError):
        reason = f"{error.code} {error.reason}"
        if error.code < 500 and error.code not in (408, 429):
            raise ConnectionError(f"{host(error.url)} answers {reason}") from error
        return reason
    if isinstance(error, urllib.error.URLError):  # before the answer
        return str(getattr(error.reason, "strerror", None) or error.reason)
    if isinstance(error, OSError) and error.errno in DISK:
        raise error
    return str(error) or type(error).__name__


def _stream(url: str, part: Path, pace: Pace, progress: bool) -> None:
    """Append what one connection gives; raises unless the file is whole then."""
    had = _size(part)
    headers = {"User-Agent": AGENT} | ({"Range": f"bytes={had}-"} if had else {})
    request = urllib.request.Request(url, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not had:
            raise
        if error.headers.get("Content-Range", "").endswith(f"/{had}"):
            return  # killed between the last byte and the renaming
        part.unlink(missing_ok=True)
        return _stream(url, part, pace, progress)
    with answer:
        if answer.status != 206:  # the host knows no ranges: from the start
            had = 0
        total = _total(answer)
        _need((total or 0) - had, part.parent)
        pace.start()
        with (
            part.open("ab" if had else "wb") as file,
            Progress(total, "bytes", pace.what, done=had) if progress else nullcontext() as line,
        ):
            while piece := answer.read1(CHUNK):
                file.write(piece)
                pace.add(len(piece))
                if line:
                    line.update(len(piece))
            if total is not None and file.tell() != total:
                raise ConnectionError("the connection broke off")


def _total(answer: Any) -> int | None:
    """The whole file's size as the answer's headers give it."""
    name = "Content-Range" if answer.status == 206 else "Content-Length"
    text = (answer.headers.get(name) or "").rpartition("/")[2]
    return int(text) if text.isdecimal() else None


def _need(count: int, folder: Path) -> None:
    """OSError where the folder's disk has no room for `count` bytes."""
    free = shutil.disk_usage(folder).free
    if count > free:
        raise OSError(
            errno.ENOSPC,
            f"{folder} has {free / 1e6:.0f} MB free of the {count / 1e6:.0f} MB needed: "
            "make room, or name another folder with LABKIT_DATA",
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
