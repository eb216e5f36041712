"""One line that says how far a long job is, how fast it goes and how long it will take."""

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import TracebackType

PATIENCE = 2.0  # seconds of silence: most jobs are over by then
PAUSE = 0.5  # seconds between two looks of the line
PAUSE_IN_LOG = 15.0  # seconds between two lines where a line cannot be written over

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("_listener", default=None)


@contextlib.contextmanager
def told_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Within, in this thread, lines go to `listener` and not to the screen: for widgets."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


class Progress:
    """`with Progress(total, "images", "reading") as line: line.update(n)`; used by one thread.

    total: in `unit`s, or None where nobody knows; the unit "bytes" is shown in MB. `done` is
    what an earlier run left, which is not counted in the rate. Nothing is shown in the first
    two seconds, or ever with show=False; what was shown ends as one line with the sum, or as it
    stood if there is an error.
    """

    def __init__(
        self, total: int | None, unit: str, what: str, *, done: int = 0, show: bool = True
    ) -> None:
        self.total, self.what = total, what
        self.done = self.before = done
        self.unit, self.scale = ("MB", 1e6) if unit == "bytes" else (unit, 1.0)
        self.live = (  # else a log
            sys.stdout.isatty() or "ipykernel" in sys.modules or _listener.get() is not None
        )
        self.began = time.monotonic()
        self.due = self.began + PATIENCE if show else math.inf
        self.width = 0  # of the line on the screen, which the next one must cover

    def update(self, n: int = 1) -> None:
        """`n` more are done."""
        self.done += n
        now = time.monotonic()
        if now >= self.due:
            self.due = now + (PAUSE if self.live else PAUSE_IN_LOG)
            self._show(self._state(now - self.began), "" if self.live else "\n")

    def _state(self, seconds: float) -> str:
        rate = (self.done - self.before) / max(seconds, 1e-9)
        of, left = "", ""
        if self.total is not None:
            of = f" of {self._amount(self.total)}"
            left = f", {duration((self.total - self.done) / rate)} left" if rate > 0 else ""
        return (
            f"{self._amount(self.done)}{of} {self.unit}, {self._amount(rate)} {self.unit}/s{left}"
        )

    def _amount(self, value: float) -> str:
        value /= self.scale
        return f"{value:,.1f}" if self.unit == "MB" else f"{value:,.0f}"

    def _show(self, text: str, end: str) -> None:
        text = f"{self.what}: {text}"
        listener = _listener.get()
        if listener is not None:
            listener(text)
        else:
            shown = "\r" + text.ljust(self.width) if self.live else text
            print(shown, end=end, flush=True)
        self.width = len(text)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if not self.width:
            return
        if kind is None:
            seconds = duration(time.monotonic() - self.began)
            self._show(f"{self._amount(self.done)} {self.unit} in {seconds}", "\n")
        elif self.live:
            print(flush=True)


def duration(seconds: float) -> str:
    """Seconds in words: "40 s", "12 min", "1 h 5 min"."""
    seconds = max(0.0, seconds)
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
