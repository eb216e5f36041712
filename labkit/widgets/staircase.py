"""The training panel with another picture: estimates of information climbing their stair."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import ipywidgets

from labkit.figures.staircase import staircase
from labkit.figures.style import caption
from labkit.training import Control, Event
from labkit.widgets import buttons
from labkit.widgets.live import live, update
from labkit.widgets.status import status
from labkit.widgets.training import PERIOD, SHARE, TrainingPanel


class StaircasePanel(TrainingPanel):
    """A `TrainingPanel` whose terms are bounds in nats and "truth", drawn by `staircase`.

    `reference` holds recorded means by bound, evenly spaced over the stair.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[Control], Iterator[Event]],
        *,
        knobs: Mapping[str, ipywidgets.Widget],
        driver: str = "auto",
        reference: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self._recorded = reference
        super().__init__(name, start, knobs=knobs, driver=driver)
        training, stair = self.figure, live(staircase([], reference=reference))
        self.figures = (stair,)
        shown = [stair if child is training else child for child in self.box.children]
        self.box.children = [child for child in shown if child is not self.table]
        training.close()
        self._draw()

    def _draw(self, state: str | None = None) -> None:
        with self._drawing:
            if self.closed:
                return
            before = time.monotonic()
            figure = staircase(self.curves, reference=self._recorded)
            self.caption = caption(figure)
            update(self.figure, figure)
            self._status(state or self.state)
            now = time.monotonic()
            self._due = now + max(PERIOD, (now - before) / SHARE)

    def _status(self, state: str) -> None:
        parts = []
        if self.curves:
            parts = [f"step {self.curves[-1].step:,} of {self.curves[-1].steps:,}"]
            parts += self._pace.parts() if state == "running" else []
        self.line.value = status(state, parts, self.caption, self._notes)
        buttons.enable(self.widgets, state)
