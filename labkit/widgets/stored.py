"""Figures as small JSON: rounded numbers, and a figure as what differs from another.

A difference is `[value]` (put this here), `{key: difference}` (go on inside; keys of lists are
their positions), or 0 (take this key away). labs/site/still.js applies it in the browser.
"""

import base64
import io
import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import plotly.graph_objects as go
from PIL import Image

Difference: TypeAlias = list[Any] | dict[str, Any]
DIGITS = 4  # significant ones of a drawn number; more where all numbers lie close together
TYPED = {"u1", "i1", "u2", "i2", "u4", "i4", "f4"}  # what plotly reads from base64
GONE = 0
PNG, LARGE = "data:image/png;base64,", 4000  # characters


def plain(figure: go.Figure) -> dict[str, Any]:
    """The figure's traces and layout as JSON values, numbers rounded; not its caption."""
    drawn = figure.to_plotly_json()
    layout = simple(drawn["layout"])
    (layout.get("meta") or {}).pop("caption", None)  # stands under the figure, in words
    return {"data": simple(drawn["data"]), "layout": layout}


def simple(value: Any) -> Any:
    """`value` as JSON values: arrays become lists or base64, NaN and infinity None."""
    if isinstance(value, dict) and "bdata" in value:  # packed by plotly, in full precision
        return array(unpacked(value))
    if isinstance(value, dict):
        return {key: simple(item) for key, item in value.items() if key != "uid"}
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return array(value)
    if hasattr(value, "tolist"):
        return simple(value.tolist())
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(item, float) for item in value):
            return rounded(np.asarray(value), DIGITS)
        return [simple(item) for item in value]
    if isinstance(value, str):
        return smaller(value)
    return number(value, DIGITS + 2) if isinstance(value, float) else value


def number(value: float, digits: int) -> float | int | None:
    """`value` with that many significant digits, as an int if it is whole."""
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def rounded(values: np.ndarray, digits: int) -> Any:
    """Nested lists of rounded numbers; numbers that differ little keep the digits that differ."""
    finite = values[np.isfinite(values)]
    largest, span = (np.abs(finite).max(), np.ptp(finite)) if finite.size else (0.0, 0.0)
    if span > 0:
        digits = min(12, digits + max(0, math.floor(math.log10(largest / span))))
    flat = [number(float(value), digits) for value in values.ravel()]
    return np.array(flat, dtype=object).reshape(values.shape).tolist()


def array(values: np.ndarray) -> Any:
    """An array as lists, or as plotly's typed base64 where that is shorter."""
    lists = rounded(values, DIGITS) if values.dtype.kind == "f" else values.tolist()
    typed = _typed(values) if 0 < values.ndim <= 3 else None
    if typed is None or len(text(typed)) >= len(text(lists)):
        return lists
    return typed


def unpacked(packed: Mapping[str, str]) -> np.ndarray:
    """The array in plotly's typed base64."""
    flat = np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])
    shape = str(packed.get("shape", flat.size))
    return flat.reshape([int(length) for length in shape.split(",")])


def _typed(values: np.ndarray) -> dict[str, str] | None:
    if values.dtype.kind == "f":
        values = values.astype("<f4")
    elif values.dtype.kind in "iu" and values.size:
        ends = (np.min_scalar_type(values.min()), np.min_scalar_type(values.max()))
        values = values.astype(np.promote_types(*ends))
    kind = values.dtype.str[1:]
    if kind not in TYPED:
        return None
    packed = {"dtype": kind, "bdata": base64.b64encode(values.tobytes()).decode()}
    return packed | ({"shape": ", ".join(map(str, values.shape))} if values.ndim > 1 else {})


def smaller(source: str) -> str:
    """A PNG in base64 as WebP, where it is large: photographs of noise do not compress."""
    if not source.startswith(PNG) or len(source) < LARGE:
        return source
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(source.removeprefix(PNG)))) as picture:
        picture.save(buffer, "WEBP", quality=90)
    webp = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
    return min(source, webp, key=len)


def text(value: Any) -> str:
    """JSON without spaces, safe inside an HTML script element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def difference(old: Any, new: Any) -> Difference:
    """What turns `old` into `new`; {} if nothing does not."""
    if not isinstance(old, (dict, list)) and type(old) is type(new) and old == new:
        return {}
    inside: dict[str, Any] | None = None
    if isinstance(old, dict) and isinstance(new, dict):
        inside = dict.fromkeys(old.keys() - new.keys(), GONE)
        for key, value in new.items():
            inside[key] = difference(old[key], value) if key in old else [value]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        inside = {str(place): difference(before, now) for place, (before, now) in pairs}
    if inside is None:
        return [new]
    inside = {key: change for key, change in inside.items() if change != {}}
    return inside if len(text(inside)) < len(text([new])) else [new]


def apply(old: Any, change: Difference | int) -> Any:
    """`old` after the change; `old` itself stays as it is."""
    if isinstance(change, list):
        return change[0]
    assert isinstance(change, dict)
    if not change:
        return old
    members = dict(enumerate(old)) if isinstance(old, list) else dict(old)
    for key, inside in change.items():
        place: Any = int(key) if isinstance(old, list) else key
        if inside == GONE and not isinstance(inside, (list, dict)):
            del members[place]
        else:
            members[place] = apply(members.get(place), inside)
    return list(members.values()) if isinstance(old, list) else members
