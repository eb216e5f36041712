"""Runs inside a lab's kernel, for tests/torture.py: what a mouse and a keyboard would do."""

import itertools
import resource
from pathlib import Path

from labkit.widgets.panel import _open


def _controls():
    """Every control that a hand can move, with its panel."""
    for panel in list(_open.values()):
        for name, control in panel.widgets.items():
            if hasattr(control, "value") and not getattr(control, "disabled", False):
                yield panel, name, control


def _ends_of(control):
    if hasattr(control, "options"):
        values = [o[1] if isinstance(o, tuple) else o for o in control.options]
        return values[0], values[-1]
    if type(control).__name__ == "FloatLogSlider":
        return control.base**control.min, control.base**control.max
    if hasattr(control, "min") and hasattr(control, "max"):
        return control.min, control.max
    return (False, True) if isinstance(control.value, bool) else ()


def _try(panel, name, control, value, *, refusable=False):
    """What went wrong when a control was set to a value, or None; a panel may refuse nonsense."""
    try:
        control.value = value
    except Exception as error:
        if "Trait" in type(error).__name__:  # refused, as the browser refuses it
            return None
        return f"{panel.name}.{name} = {value!r}: {type(error).__name__}: {error}"
    error = getattr(panel, "error", None)
    if refusable and isinstance(error, ValueError):
        return None
    return error and f"{panel.name}.{name} = {value!r}: {type(error).__name__}: {error}"


def ends():
    """Each control to both ends and back."""
    wrong = []
    for panel, name, control in _controls():
        start = control.value
        wrong += [_try(panel, name, control, value) for value in (*_ends_of(control), start)]
    return [each for each in wrong if each]


def nonsense():
    """Not a number into sliders, anything into text boxes."""
    wrong = []
    for panel, name, control in _controls():
        start = control.value
        typed = ("", " ", "{}{}", "<b>zebra</b>", "\N{ROCKET}" * 300, "0")
        values = typed if isinstance(start, str) and not hasattr(control, "options") else ()
        values = (float("nan"), float("inf")) if isinstance(start, float) else values
        wrong += [_try(panel, name, control, value, refusable=True) for value in values]
        wrong.append(_try(panel, name, control, start))
    return [each for each in wrong if each]


def moves(count):
    """So many moves, each control in turn from end to end."""
    wrong, turn = [], itertools.count()
    able = [(p, n, c, _ends_of(c)) for p, n, c in _controls()]
    able = [each for each in able if each[3]]
    while able and next(turn) < count // max(1, len(able)) + 1:
        for panel, name, control, both in able:
            wrong.append(_try(panel, name, control, both[control.value == both[0]]))
    return sorted({each for each in wrong if each})


def resident():
    """MiB in memory now."""
    status = Path("/proc/self/status").read_text().split("VmRSS:")[1]
    return int(status.split()[0]) / 1024


def most():
    """MiB at the worst moment so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
