"""What a training tells about itself: small immutable events, and the knobs that reach into it."""

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labkit.errors import unknown


@dataclass(frozen=True)
class Start:
    """The first event: how long the run will be and with which settings."""

    steps: int
    epochs: float
    config: Mapping[str, Any] = field(default_factory=dict)


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
class Done:
    """The last event: the record of the run."""

    step: int
    record: Mapping[str, Any]


Event = Start | Step | KnobChange | Evaluation | Done


class Control:
    """Knobs of a running training: widgets request, the loop applies between two steps.

    Requests may come from any thread. Raises ValueError for a knob the training does not have
    and for a value that is not a finite number.
    """

    def __init__(self, **knobs: float) -> None:
        self._lock = threading.Lock()
        self._knobs = dict(knobs)
        self._requests: dict[str, float] = {}

    @property
    def knobs(self) -> dict[str, float]:
        """The values in force (requests not yet applied are not among them)."""
        with self._lock:
            return dict(self._knobs)

    def request(self, **knobs: float) -> None:
        """Ask for new values; the next step uses them."""
        for name, value in knobs.items():
            if name not in self._knobs:
                raise unknown("knob", name, self._knobs)
            if not math.isfinite(value):
                raise ValueError(f"knob {name} must be a finite number, got {value!r}")
        with self._lock:
            self._requests.update(knobs)

    def apply(self, step: int) -> list[KnobChange]:
        """Put the requests into force; one event for each knob that really changed."""
        with self._lock:
            changes = [
                KnobChange(step, name, self._knobs[name], value)
                for name, value in self._requests.items()
                if value != self._knobs[name]
            ]
            self._knobs.update(self._requests)
            self._requests.clear()
        return changes
