"""What is kept of a run's events for drawing and comparing it, and the sentence that says it."""

import itertools
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labkit.training import Evaluation, Event, KnobChange, Start, Step

POINTS = 1000  # a trace: more are not seen, and every one is sent at each redraw
SCORES = {"accuracy": "accuracy", "probe": "probe accuracy"}  # metric -> what it is called


@dataclass
class Curve:
    """What figures and tables need of a run's events; grows by `add`.

    `fixed` are the reference knobs of a run whose loss can be measured on the same pictures; each
    point of `measured` is then (epoch, nats at the knobs in force, nats at the fixed ones).
    """

    label: str
    knobs: Mapping[str, float] = field(default_factory=dict)  # at the start
    epochs: float = 1.0
    steps: int = 0
    step: int = 0  # the last one taken
    config: Mapping[str, Any] = field(default_factory=dict)
    epoch: array = field(default_factory=lambda: array("f"))  # of each step
    terms: dict[str, array] = field(default_factory=dict)
    scores: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # (epoch, 0..1)
    changes: list[tuple[float, KnobChange]] = field(default_factory=list)
    fixed: Mapping[str, float] = field(default_factory=dict)
    measured: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The label with the knobs it began with."""
        return f"{self.label} ({named(self.knobs)})" if self.knobs else self.label

    @property
    def name(self) -> str:
        """The title, and where each knob that was moved stands now."""
        now = {change.name: change.new for _, change in self.changes}
        return self.title + "".join(f", then {name} {value:.3g}" for name, value in now.items())

    @property
    def at(self) -> float:
        """The epoch reached."""
        return self.epoch[-1] if self.epoch else self.epochs * self.step / max(1, self.steps)

    @property
    def score(self) -> str:
        """The metric that ranks the run: "accuracy", or "probe" where there is no classifier."""
        return next((name for name in SCORES if name in self.scores), "accuracy")

    def add(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, Start):
            self.epochs, self.steps, self.step = float(event.epochs), event.steps, event.at
            self.config = event.config
        elif isinstance(event, Step):
            self.epoch.append(event.epoch)
            self.step = event.step
            for name, value in event.terms.items():
                self.terms.setdefault(name, array("f")).append(value)
        elif isinstance(event, Evaluation):
            for name in SCORES.keys() & event.metrics.keys():
                self.scores.setdefault(name, []).append((event.epoch, event.metrics[name]))
        elif isinstance(event, KnobChange):
            self._add_change(event)

    def _add_change(self, event: KnobChange) -> None:
        """Moves of one drag (within a fiftieth of the run) count as one."""
        if self.changes:
            epoch, last = self.changes[-1]
            if last.name == event.name and self.at - epoch < self.epochs / 50:
                self.changes.pop()
                event = KnobChange(event.step, event.name, last.old, event.new)
        self.changes.append((self.at, event))


def describe(curve: Curve) -> str:
    """One sentence on where the run stands."""
    if not curve.epoch:
        return f"{curve.name}: no step yet."
    terms = ", ".join(f"{name} {values[-1]:.3f}" for name, values in curve.terms.items())
    text = f"{curve.name}: after {curve.at:.1f} of {curve.epochs:g} epochs, loss: {terms} nats"
    for name, called in SCORES.items():
        if name in curve.scores:
            text += f"; validation {called} {curve.scores[name][-1][1]:.1%}"
    if curve.measured:
        _, now, fixed = curve.measured[-1]
        text += f"; on the same pictures {now:.3f} nats at the knobs now, {fixed:.3f} at "
        text += f"{named(curve.fixed)} (fixed)"
    return text + "."


def named(knobs: Mapping[str, float]) -> str:
    """Knobs in words: "temperature 4, alpha 0.9"."""
    return ", ".join(f"{name} {value:.3g}" for name, value in knobs.items())


def decimate(x: Any, y: Any, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most `points` of a curve x, y [N]: the lowest and highest of each bucket, in order."""
    x, y = np.array(x, dtype=np.float32), np.array(y, dtype=np.float32)
    if len(x) <= points:
        return x, y
    edges = np.linspace(0, len(x), points // 2 + 1).astype(int)
    kept = []
    for low, high in itertools.pairwise(edges):
        part = y[low:high]
        kept += sorted({low + int(part.argmin()), low + int(part.argmax())})
    return x[kept], y[kept]
