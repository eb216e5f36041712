"""A panel owns its widgets, shows itself, and closes its predecessor when a cell is run again."""

import html
from collections.abc import Iterable, Iterator, Mapping
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
        self.name = name
        self.widgets = dict(widgets)
        self.figures = tuple(figures)
        self.caption = ""
        self.line = ipywidgets.HTML()
        self.box = ipywidgets.VBox([])
        self.closed = False
        predecessor, _open[name] = _open.get(name), self
        if predecessor is not None:
            predecessor.close()

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
        """Take the panel out of the page and its widgets out of the kernel.

        A control that another open panel uses too (made in an earlier cell) is left to it.
        """
        if self.closed:
            return
        self.closed = True
        if _open.get(self.name) is self:
            del _open[self.name]
        kept = {id(widget) for panel in _open.values() for widget in panel.widgets.values()}
        for widget in [*_family(self.box), *self.widgets.values()]:
            if id(widget) not in kept:
                _close(widget)

    def __repr__(self) -> str:
        return f"[panel {self.name}] {self.caption}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {"text/plain": repr(self), WIDGET_VIEW: view}


def row(widgets: Iterable[ipywidgets.Widget]) -> ipywidgets.HBox:
    """Widgets beside each other, going on in the next line where the page is narrow."""
    return ipywidgets.HBox(list(widgets), layout=ipywidgets.Layout(flex_flow="row wrap"))


def _family(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _family(child)


def _close(widget: ipywidgets.Widget) -> None:
    """Close a widget with its layout and style, which are widgets too."""
    for part in (widget, getattr(widget, "layout", None), getattr(widget, "style", None)):
        if isinstance(part, ipywidgets.Widget):
            part.close()
