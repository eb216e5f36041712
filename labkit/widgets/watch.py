"""The training panel with a second figure: the network as it is now, redrawn while it learns."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import plotly.graph_objects as go

from labkit.figures.style import caption
from labkit.training import Control, Event
from labkit.widgets.live import live, update
from labkit.widgets.training import TrainingPanel

LOOKING = 0.05  # of the training's time that looking at the network may take


class WatchPanel(TrainingPanel):
    """A `TrainingPanel` over a figure that `look()` draws of the network of the newest run.

    `look` is called between two steps only, and only when a step was taken since: a knob moved
    while the training pauses leaves the figure as it is. `seen` is its sentence.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[Control], Iterator[Event]],
        look: Callable[[], go.Figure],
        **settings: Any,
    ) -> None:
        self._look, self._at, self._again = look, (-1, -1), 0.0
        self.seen = ""
        super().__init__(name, start, **settings)
        drawn, self._says = look(), ipywidgets.HTML()
        self.figures = (self.figure, live(drawn))
        self._say_seen(drawn)
        # the sentence of the run stays last but for the table, as on every panel
        controls, tools, line, figure, table = self.box.children
        self.box.children = [controls, tools, self.figures[1], self._says, figure, line, table]

    def _draw(self, state: str | None = None) -> None:
        super()._draw(state)
        with self._drawing:
            at = (self._count, self.curves[-1].step if self.curves else -1)
            waiting = state == "running" and time.monotonic() < self._again
            if self.closed or len(self.figures) < 2 or at == self._at or waiting:
                return
            before = time.monotonic()
            drawn = self._look()
            update(self.figures[1], drawn)
            self._say_seen(drawn)
            now = time.monotonic()
            self._at, self._again = at, now + (now - before) / LOOKING

    def _say_seen(self, drawn: go.Figure) -> None:
        self.seen = caption(drawn)
        self._says.value = f"<div aria-live='polite' style='line-height:1.4'>{self.seen}</div>"
