"""One training as a thing you can start, pause, step and resume, whoever drives it."""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from labkit import progress
from labkit.data.threads import release_workers
from labkit.errors import unknown
from labkit.training.events import Done, Evaluation, Event, Start, Step

DRIVERS = ("auto", "blocking", "thread", "tick")
_active: "Run | None" = None  # one training at a time in a kernel: two would share two cores
_registry = threading.Lock()


class Run:
    """A generator of events with a log: `advance` it by hand, or `start` it with a driver.

    state is "ready", "running", "paused", "done" or "failed". What the training raises is kept
    in `error` and raised by `result()`, never in the cell that happens to run next.
    """

    def __init__(self, events: Iterator[Event], *, name: str = "training") -> None:
        self.name = name
        self.log: list[Event] = []
        self.state = "ready"
        self.error: BaseException | None = None
        self._events = events
        self._turn = threading.RLock()  # a generator cannot be entered twice
        self._stop = threading.Event()
        self._worker: threading.Thread | None = None

    def advance(self, seconds: float | None = None, steps: int | None = None) -> list[Event]:
        """Consume events for `seconds` or `steps` events (both None: to the end or to `pause`)."""
        taken: list[Event] = []
        end = None if seconds is None else time.monotonic() + seconds
        with self._turn:
            while self.state not in ("done", "failed") and not self._stop.is_set():
                if (steps is not None and len(taken) >= steps) or (
                    end is not None and taken and time.monotonic() >= end
                ):
                    break
                event = self._next()
                if event is not None:
                    taken.append(event)
        return taken

    def _next(self) -> Event | None:
        try:
            event = next(self._events)
        except StopIteration:
            self.state = "done"
            return None
        except BaseException as error:  # kept for result(), shown by the panel
            self.error, self.state = error, "failed"
            if isinstance(error, RuntimeError):
                _free_device_memory(error)
            return None
        self.log.append(event)
        if isinstance(event, Done):
            self.state = "done"
            progress.finished(self.name, event.record)
        return event

    def start(
        self, driver: str = "blocking", on_event: Callable[[Event], None] | None = None
    ) -> "Run":
        """Start or resume. "thread" returns at once; "blocking" returns when the run has ended."""
        if driver not in ("blocking", "thread"):
            raise unknown("driver", driver, ("blocking", "thread"))
        if self.state in ("done", "failed", "running"):
            return self
        _take_over(self)
        self._stop.clear()
        self.state = "running"
        if driver == "thread":
            release_workers()  # the caller's, so that the worker has the cores to itself
            self._worker = threading.Thread(target=self._loop, args=(on_event,), daemon=True)
            self._worker.start()
        else:
            with _pause_on_interrupt(self) as interrupted:
                self._loop(on_event)
            if interrupted.is_set() and self.state == "paused":
                print(f"{self.name}: paused; run.start() goes on from here", file=sys.stderr)
                raise KeyboardInterrupt
        return self

    def _loop(self, on_event: Callable[[Event], None] | None) -> None:
        while self.state == "running" and not self._stop.is_set():
            for event in self.advance(steps=1):
                if on_event is not None:
                    on_event(event)
        if self.state == "running":
            self.state = "paused"

    def pause(self, timeout: float = 5.0) -> None:
        """Stop after the current step; everything is kept and `start` goes on."""
        self._stop.set()
        worker = self._worker
        if worker is not None and worker is not threading.current_thread():
            worker.join(timeout)
        with self._turn:
            if self.state == "running":
                self.state = "paused"
        self._stop.clear()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """While this is held no step is taken: `Start.measure` may be called."""
        with self._turn:
            yield
        release_workers()

    def result(self) -> dict[str, Any]:
        """The record of a finished run; raises what the training raised, or says how far it is."""
        if self.error is not None:
            raise self.error
        if self.log and isinstance(self.log[-1], Done):
            return dict(self.log[-1].record)
        raise RuntimeError(f"{self.name} is {self.state}, not done: start or resume it first")


def run(
    events: Iterator[Event],
    *,
    name: str = "training",
    on_event: Callable[[Event], None] | None = None,
) -> dict[str, Any]:
    """Train to the end in this cell and return the record (the blocking driver).

    Without `on_event`, one line tells how far it is, at most once a second.
    """
    training = Run(events, name=name)
    training.start("blocking", on_event or Progress(name))
    return training.result()


class Progress:
    """Prints one line over and over: step, accuracy, seconds left."""

    def __init__(self, name: str) -> None:
        self.name, self.steps, self.accuracy, self.width = name, 0, "", 0
        self.live = sys.stdout.isatty() or "ipykernel" in sys.modules  # else a log: say less
        self.began = self.shown = time.monotonic()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Start):
            self.steps = event.steps
        elif isinstance(event, Evaluation) and "accuracy" in event.metrics:
            self.accuracy = f", {event.metrics['accuracy']:.1%} right on validation"
        elif isinstance(event, Done):
            self._show(f"done in {time.monotonic() - self.began:.0f} s", "\n")
        elif self.live and isinstance(event, Step) and time.monotonic() - self.shown > 1:
            left = (time.monotonic() - self.began) / event.step * (self.steps - event.step)
            self._show(f"step {event.step} of {self.steps}, {left:.0f} s left", "")

    def _show(self, text: str, end: str) -> None:
        self.shown = time.monotonic()
        line = f"{self.name}: {text}{self.accuracy}"
        print("\r" + line.ljust(self.width), end=end, flush=True)  # over all of the line before
        self.width = len(line)


def pick_driver(driver: str = "auto") -> str:
    """ "thread" in JupyterLab and VS Code, "tick" in Colab, "blocking" where nobody watches."""
    if driver not in DRIVERS:
        raise unknown("driver", driver, DRIVERS)
    if driver != "auto":
        return driver
    if "google.colab" in sys.modules:
        return "tick"  # Colab does not show widget updates from background threads
    if "ipykernel" not in sys.modules or "PYTEST_CURRENT_TEST" in os.environ:
        return "blocking"
    return "thread"


def _take_over(run: Run) -> None:
    """Pause the run that holds the machine, if another one does."""
    global _active
    with _registry:
        other, _active = _active, run
    if other is not None and other is not run and other.state == "running":
        other.pause()


def _free_device_memory(error: BaseException) -> None:
    """Drop the frames an out-of-memory error keeps alive, and say what to do about it."""
    import torch

    if isinstance(error, torch.cuda.OutOfMemoryError):
        error.__traceback__ = None
        torch.cuda.empty_cache()
        error.add_note("The GPU is out of memory: halve batch_size, or use a smaller network.")


@contextmanager
def _pause_on_interrupt(run: Run) -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a pause between two steps; the second one raises at once."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    before = signal.getsignal(signal.SIGINT)

    def pause(number: int, frame: Any) -> None:
        interrupted.set()
        run._stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, pause)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
        run._stop.clear()


@atexit.register
def _stop_at_exit() -> None:
    if _active is not None and _active.state == "running":
        _active.pause(timeout=1.0)
