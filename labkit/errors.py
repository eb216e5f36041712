"""Messages that say what was wrong, what would be right, and the nearest right name."""

import difflib
import math
import operator
from collections.abc import Iterable


def unknown(what: str, name: object, choices: Iterable[str]) -> ValueError:
    """A ValueError that lists the choices and names the one nearest to `name`."""
    choices = list(choices)
    near = difflib.get_close_matches(str(name), choices, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ValueError(f"unknown {what} {name!r}: choose from {', '.join(choices)}.{hint}")


def positive(name: str, value: float) -> float:
    """`value` as a float; ValueError unless it is a finite number above 0."""
    if isinstance(value, (bool, str)) or value is None:
        raise ValueError(f"{name} must be a positive number, got {value!r}")
    number = float(value)
    if not math.isfinite(number) or number <= 0:
        raise ValueError(f"{name} must be a finite number above 0, got {value!r}")
    return number


def between(name: str, value: float, low: float, high: float) -> float:
    """`value` as a float; ValueError unless low <= value <= high."""
    if isinstance(value, (bool, str)) or value is None or not low <= float(value) <= high:
        raise ValueError(f"{name} must be between {low:g} and {high:g}, got {value!r}")
    return float(value)


def whole(name: str, value: object, minimum: int = 1) -> int:
    """`value` as an int; ValueError unless it is a whole number of at least `minimum`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < minimum:
        raise ValueError(f"{name} must be a whole number of at least {minimum}, got {value!r}")
    return number
