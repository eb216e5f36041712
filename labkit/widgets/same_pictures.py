"""The loss of a run on the same pictures: at the knobs in force, and at knobs that stay fixed.

Moving a temperature or a number of negatives changes the unit the loss is measured in. At fixed
knobs the same network gives the same number, so only learning moves it.
"""

import time
from collections.abc import Callable, Collection, Mapping

from labkit.errors import unknown
from labkit.figures.curve import Curve
from labkit.training import Evaluation, Event, KnobChange, Start, Step

Knobs = Mapping[str, float]
SHARE = 0.02  # of the training's time that following a moving knob may take


class SamePictures:
    """Measures `curve`'s run under two sets of knobs and adds the points to the curve.

    `measure` is that of the run's Start event: call `add` and `take` between two steps only. A
    measurement that fails is kept in `problem` and ends the measuring, never the training.
    """

    def __init__(
        self, curve: Curve, measure: Callable[[Knobs], Mapping[str, float]], fixed: Knobs
    ) -> None:
        self.problem = ""
        self._curve, self._measure = curve, measure
        self._knobs: Knobs | None = None  # of the last measurement
        self._due = 0.0
        curve.fixed = dict(fixed)

    def add(self, event: Event, knobs: Knobs) -> None:
        """Measure at the start, at an evaluation and after a move, but not at each step of a drag.

        `knobs` are those in force. Evaluations of before a resume are not measured again.
        """
        news = isinstance(event, Start)
        news |= isinstance(event, Evaluation) and event.step == self._curve.step
        if not news and isinstance(event, (KnobChange, Step)):
            news = knobs != self._knobs and time.monotonic() >= self._due
        if news:
            self.take(knobs)

    def take(self, knobs: Knobs) -> None:
        """A point here and now under `knobs`."""
        if self.problem:
            return
        began = time.monotonic()
        try:
            self._take(knobs)
        except Exception as error:
            self.problem = f"Not measured any more: {type(error).__name__}: {error}"
        now = time.monotonic()
        self._due = now + (now - began) / SHARE

    def _take(self, knobs: Knobs) -> None:
        """After a move also a point at the knobs before, so that the line jumps."""
        curve, before = self._curve, self._knobs or knobs
        fixed, here = self._total(curve.fixed), [p for p in curve.measured[-2:] if p[0] == curve.at]
        if before != knobs and not here:
            curve.measured.append((curve.at, self._total(before), fixed))
        elif len(here) == 2:
            curve.measured.pop()  # of one place the first and the newest point are kept
        now = fixed if knobs == curve.fixed else self._total(knobs)
        curve.measured.append((curve.at, now, fixed))
        self._knobs = dict(knobs)

    def _total(self, knobs: Knobs) -> float:
        return sum(self._measure(knobs).values())


def checked(given: Knobs, knobs: Collection[str]) -> dict[str, float]:
    """Reference knobs as numbers; ValueError for one that is not among `knobs`."""
    for name in given:
        if name not in knobs:
            raise unknown("reference knob", name, knobs)
    return {name: float(value) for name, value in given.items()}
