"""Controls: usable by keyboard, with readable numbers, the same everywhere."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import ipywidgets

from labkit.errors import between, positive, unknown

_STYLE = {"description_width": "9em"}
_WIDTH = "26em"
STEP = 1 / 16  # of an octave: 4 % a key press, 16 of them double the value


def temperature(
    value: float = 4.0, low: float = 0.25, high: float = 64.0, *, label: str = "temperature T"
) -> ipywidgets.FloatLogSlider:
    """A slider over temperatures in equal ratios; the range grows to hold `value`."""
    value = positive("temperature", value)
    low = min(value, positive("low", low))
    high = max(value, positive("high", high))
    first = float(math.floor(math.log2(low)))
    off = (math.log2(value) - first) % STEP  # the browser moves a value to its nearest stop
    if 1e-9 < off < STEP - 1e-9:
        first += off - STEP
    return ipywidgets.FloatLogSlider(
        value=value,
        base=2.0,
        min=first,
        max=math.ceil(math.log2(high)),
        step=STEP,
        readout_format=".2f",
        **_look(label),
    )


def negatives(
    value: int, most: int | Iterable[int] = 1024, *, label: str = "negatives K"
) -> ipywidgets.SelectionSlider:
    """A slider over powers of two up to `most` (or over the numbers given), and `value` itself."""
    choices = {2**i for i in range(whole("most", most).bit_length())} if _is_int(most) else set()
    if not choices:
        choices = {whole("most", number) for number in most}  # type: ignore[union-attr]
    options = sorted(choices | {whole("negatives", value)})
    return ipywidgets.SelectionSlider(
        options=[(str(number), number) for number in options], value=int(value), **_look(label)
    )


def slider(
    label: str, value: float, low: float, high: float, step: float | None = None
) -> ipywidgets.IntSlider | ipywidgets.FloatSlider:
    """A slider from `low` to `high`: whole numbers if all of them are, otherwise decimals."""
    value = between(label, value, low, high)
    if all(float(number).is_integer() for number in (value, low, high, step or 1)):
        whole_numbers = {"value": int(value), "min": int(low), "max": int(high)}
        return ipywidgets.IntSlider(**whole_numbers, step=int(step or 1), **_look(label))
    step = positive("step", step if step is not None else (high - low) / 100)
    digits = max(0, math.ceil(-math.log10(step) - 1e-9))
    look = _look(label) | {"readout_format": f".{digits}f"}
    return ipywidgets.FloatSlider(value=value, min=low, max=high, step=step, **look)


def alpha(value: float = 0.5, *, label: str = "alpha") -> ipywidgets.FloatSlider:
    """The weight between two loss terms, 0..1 in steps of 0.05."""
    return slider(label, between("alpha", value, 0.0, 1.0), 0.0, 1.0, 0.05)


def choice(label: str, value: Any, choices: Sequence[Any]) -> ipywidgets.Dropdown:
    """One of a few named settings."""
    if value not in choices:
        raise unknown(label, value, [str(item) for item in choices])
    return ipywidgets.Dropdown(options=list(choices), value=value, **_look(label, slides=False))


def text(label: str, value: str = "") -> ipywidgets.Text:
    """A line to type into; every key press counts."""
    look = _look(label) | {"layout": {"width": "40em"}}
    return ipywidgets.Text(value=str(value), **look)


def switch(label: str, value: bool = False) -> ipywidgets.Checkbox:
    """On or off."""
    return ipywidgets.Checkbox(value=bool(value), **_look(label, slides=False))


def whole(name: str, value: Any) -> int:
    """`value` as an int; ValueError unless it is a whole number of at least 1."""
    if isinstance(value, (bool, str)) or value is None or not float(value).is_integer():
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    return int(value)


def _is_int(value: Any) -> bool:
    return not isinstance(value, Iterable) or isinstance(value, str)


def _look(label: str, *, slides: bool = True) -> dict[str, Any]:
    look = {"description": label, "style": dict(_STYLE), "layout": {"width": _WIDTH}}
    return look | ({"continuous_update": True} if slides else {})
