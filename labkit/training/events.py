"""What a training tells about itself: small immutable events, and the knobs that reach into it."""

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.errors import unknown


@dataclass(frozen=True)
class Start:
    """The first event: how long the run will be and with which settings.

    `at` steps are behind it if it goes on from a checkpoint. `measure(knobs)` gives each loss
    term on a fixed batch under any knobs and changes nothing; call it between two steps only.
    """

    steps: int
    epochs: float
    config: Mapping[str, Any] = field(default_factory=dict)
    at: int = 0
    measure: Callable[[Mapping[str, float]], dict[str, float]] | None = None


@dataclass(frozen=True)
class Step:
    """One optimiser step: its number from 1, the epoch reached, each loss term, its seconds."""

    step: int
    epoch: float
    terms: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class KnobChange:
    """A knob was moved: the new value holds from the step after `step`."""

    step: int
    name: str
    old: float
    new: float


@dataclass(frozen=True)
class Evaluation:
    """Held-out metrics after `step`: "accuracy" in 0..1, "loss" (cross-entropy) in nats."""

    step: int
    epoch: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Checkpoint:
    """The state after `step` was written to `path`; or it was not (None), and `problem` is why."""

    step: int
    path: Path | None
    problem: str = ""


@dataclass(frozen=True)
class Done:
    """The last event: the record of the run."""

    step: int
    record: Mapping[str, Any]


Event = Start | Step | KnobChange | Evaluation | Checkpoint | Done


class Control:
    """Knobs of a running training: widgets request, the loop applies between two steps.

    Requests may come from any thread. `log` holds the changes of an earlier run ("step", "name",
    "new"), to be made again at the same steps. Raises ValueError for a knob the training does not
    have and for a value that is not a finite number.
    """

    def __init__(self, log: Iterable[Mapping[str, Any]] = (), /, **knobs: float) -> None:
        self._lock = threading.Lock()
        self._knobs = dict(knobs)
        self._requests: dict[str, float] = {}
        self._log = [dict(change) for change in log]
        for change in self._log:
            self._check(change["name"], change["new"])

    @classmethod
    def replay(cls, record: Mapping[str, Any]) -> "Control":
        """The knobs of a recorded run, which will be moved again as they were moved then.

        With the record's seed and settings the curve is the same, on a CPU bit for bit.
        """
        return cls(record["knob_changes"], **record["config"]["knobs"])

    @property
    def knobs(self) -> dict[str, float]:
        """The values in force (requests not yet applied are not among them)."""
        with self._lock:
            return dict(self._knobs)

    def request(self, **knobs: float) -> None:
        """Ask for new values; the next step uses them."""
        for name, value in knobs.items():
            self._check(name, value)
        with self._lock:
            self._requests.update(knobs)

    def default(self, **knobs: float) -> None:
        """Add the knobs it does not have yet."""
        with self._lock:
            self._knobs = {**knobs, **self._knobs}

    def resume(self, knobs: Mapping[str, float], step: int) -> None:
        """Take up the knobs of a checkpoint after `step`; what the log did before is done."""
        with self._lock:
            self._knobs = dict(knobs)
            self._log = [change for change in self._log if change["step"] >= step]

    def _check(self, name: str, value: float) -> None:
        if name not in self._knobs:
            raise unknown("knob", name, self._knobs)
        if not math.isfinite(value):
            raise ValueError(f"knob {name} must be a finite number, got {value!r}")

    def apply(self, step: int) -> list[KnobChange]:
        """Put the requests into force; one event for each knob that really changed."""
        with self._lock:
            logged = [change for change in self._log if change["step"] == step]
            self._requests |= {change["name"]: change["new"] for change in logged}
            changes = [
                KnobChange(step, name, self._knobs[name], value)
                for name, value in self._requests.items()
                if value != self._knobs[name]
            ]
            self._knobs.update(self._requests)
            self._requests.clear()
        return changes
