"""How every figure looks: colours, axes, size, and one sentence that says what it shows.

Figures are built from plain dictionaries in one call. That takes 1 ms; `make_subplots` takes
7 ms and plotly's default template makes each copy slow, which a slider would feel.
"""

import base64
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from PIL import Image
from torch import Tensor

# Okabe & Ito 2008, told apart with any colour vision; yellow last: it is faint on white.
COLOURS = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "black": "#222222",
    "yellow": "#F0E442",
    "grey": "#8C8C8C",
}
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "cross")
PATTERNS = ("", "/", ".", "x", "-", "|")
# One colour towards dark for 0..1 (single hue, even in lightness), two hues about 0 for signs.
SEQUENTIAL = "Cividis"
DIVERGING = [[0.0, COLOURS["blue"]], [0.5, "#FFFFFF"], [1.0, COLOURS["vermilion"]]]
HEIGHT = 340  # px

_AXIS = {
    "showgrid": True,
    "gridcolor": "#E6E6E6",
    "zeroline": False,
    "showline": True,
    "linecolor": "#8C8C8C",
    "ticks": "outside",
    "tickcolor": "#8C8C8C",
    "title": {"standoff": 8},
}
# A white card with dark text: the same contrast in a light and in a dark JupyterLab.
_TEMPLATE = {
    "layout": {
        "paper_bgcolor": "#FFFFFF",
        "plot_bgcolor": "#FFFFFF",
        "font": {"color": "#222222", "size": 13, "family": "Helvetica, Arial, sans-serif"},
        "title": {"font": {"size": 15}, "x": 0.01, "xanchor": "left"},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "annotationdefaults": {"font": {"size": 12}, "showarrow": False},
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        "colorway": [COLOURS[name] for name in list(COLOURS)[:7]],
        "hovermode": "closest",
        "bargap": 0.15,
        "modebar": {"remove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"]},
    }
}


def series(index: int) -> dict[str, str]:
    """Colour, dash, marker and pattern of the `index`-th curve: no two differ by colour alone."""
    names = list(COLOURS)[:7]
    return {
        "color": COLOURS[names[index % len(names)]],
        "dash": DASHES[index % len(DASHES)],
        "symbol": MARKERS[index % len(MARKERS)],
        "pattern": PATTERNS[index % len(PATTERNS)],
    }


def line(index: int, **trace: Any) -> dict[str, Any]:
    """A line trace in the style of the `index`-th curve; `trace` adds x, y, name and the like."""
    look = series(index)
    style = {"color": look["color"], "dash": look["dash"], "width": 2}
    return {"type": "scatter", "mode": "lines", "line": style} | trace


def bars(index: int, **trace: Any) -> dict[str, Any]:
    """A bar trace in the style of the `index`-th series; `trace` adds x, y, name and the like."""
    look = series(index)
    marker = {"color": look["color"], "pattern": {"shape": look["pattern"], "fillmode": "overlay"}}
    return {"type": "bar", "marker": marker} | trace


def heat(**trace: Any) -> dict[str, Any]:
    """A heat map; `trace` adds z, x, y, zmin, zmax and the like."""
    return {"type": "heatmap", "colorscale": SEQUENTIAL, "colorbar": {"thickness": 12}} | trace


def figure(
    traces: Iterable[Any],
    *,
    caption: str,
    title: str = "",
    x: str | Mapping[str, Any] = "",
    y: str | Mapping[str, Any] = "",
    height: int = HEIGHT,
    alt: str = "",
    **layout: Any,
) -> go.Figure:
    """One panel. `x` and `y` are axis titles, or axis dictionaries with a "title".

    `caption` says in one sentence what the figure shows at this setting; `alt` (default: the
    title) describes the kind of figure. Further keywords go to plotly's layout.
    """
    axes = {"xaxis": _axis(x), "yaxis": _axis(y)}
    top = 56 if title else 34
    return _figure(
        list(traces), axes | {"margin": _margin(top)} | layout, title, caption, alt, height
    )


def panels(
    parts: Sequence[Mapping[str, Any]],
    *,
    caption: str,
    title: str = "",
    widths: Sequence[float] | None = None,
    gap: float = 0.09,
    height: int = HEIGHT,
    alt: str = "",
    **layout: Any,
) -> go.Figure:
    """Panels side by side in one figure. A part is {"traces", "title", "x", "y"} (see `figure`).

    The traces of part i are drawn on axes "x{i}"/"y{i}" (the first has no number). `widths` are
    relative; `gap` is the share of the width between two panels.
    """
    traces: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    titles = []
    for number, (part, (low, high)) in enumerate(
        zip(parts, _domains(parts, widths, gap), strict=True)
    ):
        tag = "" if number == 0 else str(number + 1)
        axes[f"xaxis{tag}"] = {"domain": [low, high], "anchor": f"y{tag}"} | _axis(
            part.get("x", "")
        )
        axes[f"yaxis{tag}"] = {"anchor": f"x{tag}"} | _axis(part.get("y", ""))
        traces += [
            _plain(trace) | {"xaxis": f"x{tag}", "yaxis": f"y{tag}"} for trace in part["traces"]
        ]
        titles.append(_panel_title(part.get("title", ""), low))
    layout["annotations"] = [t for t in titles if t["text"]] + list(layout.get("annotations", []))
    named = sum("name" in trace and trace.get("showlegend", True) for trace in traces) > 1
    margin = _margin(78 if title else 46) | ({"b": 92} if named else {})
    # Below the axis titles (52 px): above, the legend would meet the panels' own titles.
    low = -52 / max(1, height - margin["t"] - margin["b"])
    below = {"orientation": "h", "x": 0, "xanchor": "left", "y": low, "yanchor": "top"}
    fixed = {"margin": margin, "legend": below}
    return _figure(traces, axes | fixed | layout, title, caption, alt, height)


def picture(image: Tensor, *, x: float, y: float, size: float = 0.32) -> dict[str, Any]:
    """A layout image, uint8 [3, H, W], its right upper corner at paper position x, y."""
    png = io.BytesIO()
    pixels = image.permute(1, 2, 0).cpu().numpy()
    Image.fromarray(pixels).resize((128, 128), Image.Resampling.NEAREST).save(png, "PNG")
    source = "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
    place = {"xref": "paper", "yref": "paper", "x": x, "y": y, "xanchor": "right", "yanchor": "top"}
    return {"source": source, **place, "sizex": size, "sizey": size}


def caption(figure: go.Figure) -> str:
    """The sentence that says what `figure` shows; "" if it has none."""
    return str((figure.layout.meta or {}).get("caption", ""))


def _figure(
    traces: list[Any], layout: dict[str, Any], title: str, caption: str, alt: str, height: int
) -> go.Figure:
    meta = {"caption": caption, "alt": alt or title}
    fixed = {"template": _TEMPLATE, "height": height, "uirevision": "labkit", "meta": meta}
    if title:
        fixed["title"] = {"text": title}
    return go.Figure([_drawable(trace) for trace in traces], fixed | layout)


def _drawable(trace: Any) -> dict[str, Any]:
    """The trace with gaps where lists hold NaN or infinity, which a browser cannot be sent."""
    plain = _plain(trace)
    lists = {k: v for k, v in plain.items() if k in ("x", "y") and isinstance(v, (list, tuple))}
    return plain | {name: [_number(v) for v in values] for name, values in lists.items()}


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _axis(axis: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(axis, str):
        return {"title": {"text": axis}} if axis else {}
    titled = dict(axis)
    if isinstance(titled.get("title"), str):
        titled["title"] = {"text": titled["title"]}
    return titled


def _plain(trace: Any) -> dict[str, Any]:
    return dict(trace) if isinstance(trace, Mapping) else trace.to_plotly_json()


def _margin(top: int) -> dict[str, int]:
    return {"l": 64, "r": 20, "t": top, "b": 52}


def _panel_title(text: str, left: float) -> dict[str, Any]:
    place = {"xref": "paper", "yref": "paper", "x": left, "y": 1.0, "xanchor": "left"}
    return {"text": text, **place, "yanchor": "bottom", "yshift": 6, "font": {"size": 13}}


def _domains(
    parts: Sequence[Any], widths: Sequence[float] | None, gap: float
) -> list[tuple[float, float]]:
    shares = list(widths or [1.0] * len(parts))
    unit = (1 - gap * (len(parts) - 1)) / sum(shares)
    domains, left = [], 0.0
    for share in shares:
        domains.append((left, min(1.0, left + share * unit)))
        left += share * unit + gap
    return domains
