"""Which settings of a panel's controls a printed page keeps: a grid, or one knob at a time."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets

GRID = 60  # settings a panel may have
MOST, LEAST = 12, 7  # stops of a slider: as many as fit, before knobs move one at a time


@dataclass(frozen=True)
class Knob:
    """One control: its stops, how each reads, and where it starts.

    `kind` is "range", "choice", "switch", or "fixed" for what has one setting only.
    """

    name: str
    label: str
    kind: str
    values: Sequence[Any]
    texts: Sequence[str]
    start: int


def knobs(controls: Mapping[str, ipywidgets.Widget], most: int = MOST) -> list[Knob]:
    """The controls as knobs whose sliders have at most `most` stops."""
    found = []
    for name, widget in controls.items():
        label = str(getattr(widget, "description", "") or name)
        kind, values, texts = _stops(widget)
        if _drives(widget, controls.values()):  # the slider it drives is enough
            kind, values, texts = "fixed", [widget.value], [""]
        start = next(i for i, value in enumerate(values) if _same(value, widget.value))
        if kind == "range":
            kept = spread(len(values), start, most)
            values, texts = [values[i] for i in kept], [texts[i] for i in kept]
            start = kept.index(start)
        found.append(Knob(name, label, kind, values, texts, start))
    return found


def spread(count: int, start: int, most: int) -> list[int]:
    """At most `most` of range(count): both ends, `start`, and even steps between."""
    if count <= most:
        return list(range(count))
    even = [round(step * (count - 1) / (most - 1)) for step in range(most)]
    if start not in even:
        inner = min(range(1, most - 1), key=lambda place: abs(even[place] - start))
        even[inner] = start
    return sorted(set(even))


def plan(controls: Mapping[str, ipywidgets.Widget]) -> tuple[list[Knob], list[tuple[int, ...]]]:
    """The knobs and the settings to draw, the start first: all of them if at most `GRID` are.

    Otherwise each slider moves alone, at every choice if those fit, else with the rest at start.
    """
    for most in range(MOST, LEAST - 1, -1):
        found = knobs(controls, most)
        if math.prod(len(knob.values) for knob in found) <= GRID:
            return found, _unique(found, itertools.product(*_places(found)))
    found = knobs(controls)
    for free in (("choice", "switch"), ()):
        settings = _unique(found, _alone(found, free))
        if len(settings) <= GRID:
            break
    return found, settings


def _alone(found: Sequence[Knob], free: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """Each knob in turn over its stops, the kinds in `free` over all of theirs besides."""
    for moved in found:
        ranges = [
            range(len(knob.values)) if knob is moved or knob.kind in free else [knob.start]
            for knob in found
        ]
        yield from itertools.product(*ranges)


def _places(found: Sequence[Knob]) -> list[range]:
    return [range(len(knob.values)) for knob in found]


def _unique(found: Sequence[Knob], settings: Iterator[tuple[int, ...]]) -> list[tuple[int, ...]]:
    start = tuple(knob.start for knob in found)
    return list(dict.fromkeys([start, *settings]))


def _stops(widget: ipywidgets.Widget) -> tuple[str, Sequence[Any], Sequence[str]]:
    """(kind, values, how they read) of a control, before any is left out."""
    if isinstance(widget, ipywidgets.Checkbox):
        return "switch", [False, True], ["off", "on"]
    if hasattr(widget, "_options_labels"):
        labels, values = widget._options_labels, widget._options_values
        slides = isinstance(widget, ipywidgets.SelectionSlider)
        return ("range" if slides else "choice"), list(values), list(labels)
    if all(widget.has_trait(name) for name in ("min", "max", "step", "value")):
        values = _scale(widget)
        return "range", values, [_read(widget, value) for value in values]
    return "fixed", [widget.value], [str(widget.value)]


def _scale(widget: ipywidgets.Widget) -> list[Any]:
    """The values a slider stops at; its own value among them as it is."""
    log = isinstance(widget, ipywidgets.FloatLogSlider)
    step = widget.step or (widget.max - widget.min) / 100
    at = math.log(widget.value, widget.base) if log else widget.value
    count = math.floor((widget.max - widget.min) / step + 1e-6) + 1
    stops = [widget.min + place * step for place in range(count)]
    values = [widget.base**stop if log else stop for stop in stops]
    values[min(range(count), key=lambda place: abs(stops[place] - at))] = widget.value
    return [value if isinstance(value, int) else round(value, 10) for value in values]


def _read(widget: ipywidgets.Widget, value: Any) -> str:
    """A value as the slider's own readout writes it."""
    written = getattr(widget, "readout_format", "d" if isinstance(value, int) else ".3g")
    return format(value, written)


def _drives(widget: ipywidgets.Widget, others: Iterable[ipywidgets.Widget]) -> bool:
    """Whether a widget is the clock of a slider beside it."""
    ends = ("min", "max", "step", "value")
    return isinstance(widget, ipywidgets.Play) and any(
        isinstance(other, ipywidgets.IntSlider)
        and all(getattr(widget, end) == getattr(other, end) for end in ends)
        for other in others
    )


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return bool(a == b)
