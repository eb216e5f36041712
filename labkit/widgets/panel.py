"""A panel owns its widgets, shows itself, and closes its predecessor when a cell is run again."""

import html
from collections.abc import Iterable, Mapping
from typing import Any

import ipywidgets
import plotly.graph_objects as go

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_open: dict[str, "Panel"] = {}  # one panel a name: a cell run again replaces what it made before


class Panel:
    """Widgets by name, figures, and one sentence that says what they show.

    As a cell's last line it shows itself. Where no front end is attached its text stands in:
    the sentence, without ids, the same at every run.
    """

    def __init__(
        self,
        name: str,
        widgets: Mapping[str, ipywidgets.Widget],
        figures: Iterable[go.FigureWidget],
    ) -> None:
        predecessor = _open.pop(name, None)
        if predecessor is not None:
            predecessor.close()
        _open[name] = self
        self.name = name
        self.widgets = dict(widgets)
        self.figures = tuple(figures)
        self.caption = ""
        self.line = ipywidgets.HTML()
        self.box = ipywidgets.VBox([])
        self.closed = False

    @property
    def figure(self) -> go.FigureWidget:
        """The first figure."""
        return self.figures[0]

    @property
    def values(self) -> dict[str, Any]:
        """Name -> current value of every control that has one."""
        return {name: w.value for name, w in self.widgets.items() if hasattr(w, "value")}

    def say(self, caption: str, error: str = "") -> None:
        """Put the sentence under the figure, and an error, if any, in a line of its own."""
        self.caption = caption
        text = f"<div aria-live='polite' style='line-height:1.4'>{html.escape(caption)}</div>"
        if error:
            text += f"<div role='alert' style='line-height:1.4'><b>{html.escape(error)}</b></div>"
        self.line.value = text

    def close(self) -> None:
        """Take every widget of the panel out of the page and out of the kernel."""
        if self.closed:
            return
        self.closed = True
        if _open.get(self.name) is self:
            del _open[self.name]
        for widget in _family(self.box) | set(self.figures) | set(self.widgets.values()):
            for part in (widget, getattr(widget, "layout", None), getattr(widget, "style", None)):
                if isinstance(part, ipywidgets.Widget):
                    part.close()

    def __repr__(self) -> str:
        return f"[panel {self.name}] {self.caption}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {"text/plain": repr(self), WIDGET_VIEW: view}


def row(widgets: Iterable[ipywidgets.Widget]) -> ipywidgets.HBox:
    """Widgets beside each other, going on in the next line where the page is narrow."""
    return ipywidgets.HBox(list(widgets), layout=ipywidgets.Layout(flex_flow="row wrap"))


def _family(widget: ipywidgets.Widget) -> set[ipywidgets.Widget]:
    children = getattr(widget, "children", ())
    return {widget}.union(*(_family(child) for child in children))
