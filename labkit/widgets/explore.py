"""Drag a slider, see the figure: a plain drawing function becomes a panel."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import ipywidgets
import plotly.graph_objects as go
import torch

from labkit.figures.style import caption
from labkit.widgets.latest import Latest
from labkit.widgets.live import live, update
from labkit.widgets.panel import Panel, row

Drawing: TypeAlias = go.Figure | Sequence[go.Figure]


def explore(
    draw: Callable[..., Drawing], *, name: str, **controls: ipywidgets.Widget
) -> "ExplorePanel":
    """A panel of `controls` over the figure (or figures) that `draw(**values)` returns.

    Every move redraws in place. `draw` runs without gradients, one call at a time, always with
    the newest values; if it fails, the panel says why and keeps its last picture. `name` must
    differ from panel to panel: the same name closes the panel made before.
    """
    return ExplorePanel(draw, name, controls)


class ExplorePanel(Panel):
    """See `explore`. `values` are the current values, `error` what the last drawing raised."""

    def __init__(
        self, draw: Callable[..., Drawing], name: str, controls: dict[str, ipywidgets.Widget]
    ) -> None:
        self._draw = draw
        self.redraw = Latest(self._redraw)
        self.error: Exception | None = None
        values = {key: control.value for key, control in controls.items()}
        drawn = self._drawn(values)  # before anything is closed: an error here is the cell's own
        super().__init__(name, controls, [live(figure) for figure in drawn])
        self._say(drawn)
        for control in controls.values():
            control.observe(self.redraw, "value")
        shown = [self.figure] if len(drawn) == 1 else [_beside(self.figures)]
        self.box.children = [row(controls.values()), *shown, self.line]

    def close(self) -> None:
        """Close the panel; a control it shared no longer draws here."""
        if not self.closed:
            for control in self.widgets.values():
                control.unobserve(self.redraw, "value")
        super().close()

    def _drawn(self, values: dict[str, Any]) -> list[go.Figure]:
        with torch.no_grad():  # gradient mode belongs to the thread, and callbacks may have any
            drawn = self._draw(**values)
        return [drawn] if isinstance(drawn, go.Figure) else list(drawn)

    def _redraw(self) -> None:
        values = self.values
        try:
            drawn = self._drawn(values)
            for widget, figure in zip(self.figures, drawn, strict=True):
                update(widget, figure)
        except Exception as error:
            self.error = error
            setting = ", ".join(f"{key} = {_short(value)}" for key, value in values.items())
            self.say(self.caption, f"Not drawn at {setting}: {type(error).__name__}: {error}")
            return
        self.error = None
        self._say(drawn)

    def _say(self, drawn: Sequence[go.Figure]) -> None:
        self.say(" ".join(filter(None, map(caption, drawn))))


def _beside(figures: Sequence[go.FigureWidget]) -> ipywidgets.HBox:
    share = {"width": f"{100 / len(figures):.1f}%"}
    return ipywidgets.HBox([ipywidgets.VBox([figure], layout=share) for figure in figures])


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
