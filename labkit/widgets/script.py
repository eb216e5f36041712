"""The figure widget that shares one copy of plotly's browser script (plotly 6 and later)."""

from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import plotly
import plotly.graph_objects as go
import traitlets
from plotly.serializers import custom_serializers

BUNDLE = Path(plotly.__file__).parent / "package_data" / "widgetbundle.js"
SHARED = BUNDLE.exists()
_holder: ipywidgets.Label | None = None


def holder() -> ipywidgets.Label:
    """The kernel's one widget that holds plotly's browser script as text; it is never shown."""
    global _holder
    if _holder is None or _holder.comm is None:
        _holder = ipywidgets.Label(value=BUNDLE.read_text(encoding="utf-8"))
    return _holder


def pack(value: Any, buffers: list[memoryview]) -> Any:
    """`value` for JSON: each numeric array [N] or [N, M] becomes a reference into `buffers`."""
    if isinstance(value, dict):
        return {key: pack(item, buffers) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [pack(item, buffers) for item in value]
    if not isinstance(value, np.ndarray):
        return custom_serializers["to_json"](value, None)
    if value.ndim not in (1, 2) or value.dtype not in (np.float32, np.float64, np.int32, np.uint8):
        return value.tolist()
    buffers.append(np.ascontiguousarray(value).data.cast("B"))
    return {"buffer": len(buffers) - 1, "dtype": str(value.dtype), "shape": value.shape}


def quick(
    figure: go.Figure, style: dict[str, Any], layout: dict[str, Any], traces: list[int] | None
) -> bool:
    """Whether an update moves only data of bars and lines on fixed axes (and titles).

    The browser then need not draw the axes again.
    """
    if not style or not set(style) <= {"x", "y"} or not set(layout) <= {"title.text"}:
        return False
    if set(layout.get("title.text") or "") & set("<&$"):  # markup, which plotly lays out
        return False
    moved = [figure.data[index] for index in (traces if traces is not None else [])]
    axes = {getattr(trace, f"{name}axis") or name for trace in moved for name in style}
    fixed = all(figure.layout[f"{axis[0]}axis{axis[1:]}"].range for axis in axes)
    return bool(moved) and fixed and all(trace.type in ("bar", "scatter") for trace in moved)


if SHARED:

    class LiveFigure(go.FigureWidget):
        """A FigureWidget that takes its script from `holder` and draws each update once."""

        _esm = (Path(__file__).parent / "live.js").read_text(encoding="utf-8")
        _script = traitlets.Unicode().tag(sync=True)
        _key = traitlets.Unicode(f"labkit-plotly-{plotly.__version__}").tag(sync=True)

        @traitlets.default("_script")
        def _holder_id(self) -> str:
            return holder().model_id

        def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
            """The state a page asks for when it is reloaded: what is drawn now, not at first."""
            state = super().get_state(*args, **kwargs)
            now = {"_widget_data": "_data", "_widget_layout": "_layout"}
            for name in now.keys() & state.keys():
                current = getattr(self, now[name], None)  # None: the constructor is still at work
                if current is not None:
                    state[name] = custom_serializers["to_json"](current, self)
            return state

        def _send_update_msg(
            self,
            restyle_data: dict[str, Any],
            relayout_data: dict[str, Any],
            trace_indexes: list[int] | None = None,
            source_view_id: str | None = None,
        ) -> None:
            """One custom message in place of four state messages and an answer to each."""
            content = {
                "style_data": restyle_data,
                "layout_data": relayout_data,
                "style_traces": trace_indexes,
                "source_view_id": source_view_id,
                "quick": quick(self, restyle_data, relayout_data, trace_indexes),
            }
            buffers: list[memoryview] = []
            self.send({"update": pack(content, buffers)}, buffers)
