"""The training panel: start, stop, resume, step; knobs that reach into the run while it goes."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets
import plotly.graph_objects as go

from labkit.figures.band import outside
from labkit.figures.curve import Curve, describe
from labkit.figures.runs import compare, table
from labkit.figures.style import caption
from labkit.figures.training import training
from labkit.training import Checkpoint, Control, Done, Evaluation, Event, Run, Start, Step
from labkit.training.run import pick_driver
from labkit.widgets import buttons, export
from labkit.widgets.grow import grow
from labkit.widgets.latest import Latest
from labkit.widgets.live import live, update
from labkit.widgets.pace import Pace
from labkit.widgets.panel import Panel, row
from labkit.widgets.same_pictures import SamePictures, checked
from labkit.widgets.status import FAILURE, status

RUNS = 6  # overlaid and kept; the oldest goes first
PERIOD = 1 / 8  # seconds between two drawings at least
SHARE = 0.03  # of the training's time that drawing may take
SLICE = 0.08  # seconds of training a tick
NOT = {"start": "Not started", "export": "Not exported"}  # what a failed click says
_active: "TrainingPanel | None" = None  # one training at a time in a kernel


class TrainingPanel(Panel):
    """A live training. `start(control)` makes a new one: an iterator of labkit.training events.

    Moving a knob while it runs is a request the loop applies between two steps; the curve marks
    it. "Start" begins a new run with the current knobs and keeps the earlier curves; "Stop"
    pauses after the current step and "Resume" goes on exactly there. Everything works headless
    too: start(), stop(), resume(), step(), run, runs, result(), export().

    `reference` is a recorded band: {"accuracy": {"epoch", "mean", "std"}, "label"} and, to name
    what differs when a run leaves it, "run": the settings of the recorded runs. Where the training
    can measure it, the loss on the same pictures is drawn at the knobs now and at
    `reference_knobs` (those of the first run unless given). `draw(curves)` makes another figure
    of the runs so far, in the place of the usual one and its table.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[Control], Iterator[Event]],
        *,
        knobs: Mapping[str, ipywidgets.Widget],
        driver: str = "auto",
        reference: Mapping[str, Any] | None = None,
        reference_knobs: Mapping[str, float] | None = None,
        draw: Callable[[Sequence[Curve]], go.Figure] | None = None,
    ) -> None:
        self.driver = pick_driver(driver)
        self.runs: list[Run] = []
        self.curves: list[Curve] = []
        self.control: Control | None = None
        self._begin, self._reference, self._picture = start, reference, draw
        self._knobs, self._fixed = dict(knobs), checked(reference_knobs or {}, knobs)
        self._ticking, self._due, self._count = False, 0.0, 0
        self._notes: dict[str, str] = {}  # kind -> what the panel has to say beside the numbers
        self._pace, self._sentence = Pace(), ""
        self._same: SamePictures | None = None
        self._drawing = threading.RLock()
        tools = buttons.buttons()
        self._play, self.table = buttons.play(), ipywidgets.HTML()
        super().__init__(name, {**knobs, **tools, "play": self._play}, [live(self._figure())])
        self._wire(tools)
        shown = [*tools.values(), *([self._play] if self.driver == "tick" else [])]
        self.box.children = [row(knobs.values()), row(shown), self.line, self.figure, self.table]
        self._draw()

    def _wire(self, tools: Mapping[str, ipywidgets.Button]) -> None:
        for action, button in tools.items():
            button.on_click(self._clicked(action))
        self._asked = Latest(self._request)
        for knob in self._knobs.values():
            knob.observe(self._asked, "value")
        self._play.observe(self._tick, "value")
        self._play.observe(self._played, buttons.playing(self._play))

    @property
    def values(self) -> dict[str, float]:
        """Name -> current value of every knob."""
        return {name: float(knob.value) for name, knob in self._knobs.items()}

    @property
    def run(self) -> Run | None:
        """The newest run; None before the first start."""
        return self.runs[-1] if self.runs else None

    @property
    def state(self) -> str:
        """One of "ready", "running", "paused", "done", "failed"."""
        if self.run is None:
            return "ready"
        if self.run.state == "ready":  # not yet touched, or driven by ticks
            return "running" if self._ticking else "paused"
        return self.run.state

    def start(self) -> None:
        """A new run with the current knobs; one that is going on is paused and kept."""
        self._prepare()
        self.resume()

    def stop(self) -> None:
        """Pause after the current step; nothing is lost."""
        self._pause()
        self._look_again()

    def _pause(self) -> None:
        self._ticking = False
        setattr(self._play, buttons.playing(self._play), False)
        if self.run is not None and self.run.state == "running":
            self.run.pause()

    def resume(self) -> None:
        """Go on exactly where it stopped."""
        if self.run is None or self.state in ("done", "failed", "running"):
            return
        self._take_over()
        self._pace.rest()
        self._status("running")  # first: a short run may be done before start returns
        if self.driver == "tick":
            self._ticking = True
            setattr(self._play, buttons.playing(self._play), True)
        else:
            self.run.start(self.driver)

    def step(self) -> None:
        """One optimiser step of the newest run (of a new one if there is none)."""
        if self.run is None or self.state in ("done", "failed"):
            self._prepare()
        self.stop()
        assert self.run is not None
        before = len(self.curves[-1].epoch)
        while len(self.curves[-1].epoch) == before and self.run.advance(steps=1):
            pass
        self._draw()

    def result(self) -> dict[str, Any]:
        """The record of the newest run; raises what its training raised."""
        if self.run is None:
            raise RuntimeError(f"panel {self.name}: no run yet, call start() or press Start")
        return self.run.result()

    def export(self) -> tuple[Path, Path | None]:
        """Write the finished run's record as JSON and the Python script that repeats it.

        Returns both paths and shows them. RuntimeError before the end; else see `export.write`.
        """
        path, code = export.write(self.result(), self.name)
        also = f", the same run as a script in {code}" if code else ""
        self._notes["export"] = f"Saved: the record in {path}{also}."
        self._draw()
        return path, code

    def close(self) -> None:
        """Pause what runs, then take the widgets away; the runs stay with whoever holds them."""
        if not self.closed:
            self.stop()
            for knob in self._knobs.values():
                knob.unobserve(self._asked, "value")
        super().close()

    def _prepare(self) -> None:
        self._pause()
        values = self.values
        control = Control(**values)
        curve = Curve(f"run {self._count + 1}", values)
        self.say("preparing ...")
        events = self._begin(control)  # a mistake in the set-up is raised here, in the open
        self.control, self._notes, self._same = control, {}, None
        self._due = min(self._due, time.monotonic() + PERIOD)  # a new run is soon seen
        self._count += 1
        self._sentence = describe(curve)
        self._fixed = {**values, **self._fixed}  # the first run's, but for what was given
        run = Run(self._watched(events, curve), name=f"{self.name}, {curve.title}")
        self.runs, self.curves = [*self.runs, run][-RUNS:], [*self.curves, curve][-RUNS:]

    def _take_over(self) -> None:
        global _active
        other, _active = _active, self
        if other is not None and other is not self and other.state == "running":
            other.stop()

    def _watched(self, events: Iterator[Event], curve: Curve) -> Iterator[Event]:
        """The events themselves; on their way each goes into the curve, and now and then is drawn.

        This runs in the training's own thread: it draws, it never touches a knob.
        """
        try:
            for event in events:
                curve.add(event)
                self._note(event, curve)
                yield event
        except Exception as error:
            self._notes[FAILURE] = (
                f"Stopped after step {curve.step}: {type(error).__name__}: {error}"
            )
            self._draw("failed")
            raise

    def _note(self, event: Event, curve: Curve) -> None:
        if isinstance(event, Start):
            self._pace = Pace(float(event.config.get("batch_size", 0)), event.steps)
            if event.measure is not None and curve.knobs:
                self._same = SamePictures(curve, event.measure, self._fixed)
        elif isinstance(event, Step):
            self._pace.add(event.step)
        elif isinstance(event, Checkpoint):
            self._notes["checkpoint"] = f"Not saved: {event.problem}" if event.problem else ""
        if self._same is not None and self.control is not None and curve is self.curves[-1]:
            self._same.add(event, self.control.knobs)
        if isinstance(event, Done):
            self._draw("done")
        elif time.monotonic() >= self._due:
            self._draw("running" if self.state == "running" else None)
        if isinstance(event, Evaluation) and self.driver == "blocking" and self.state == "running":
            print(describe(curve), flush=True)

    def _draw(self, state: str | None = None) -> None:
        with self._drawing:
            if self.closed:
                return
            before = time.monotonic()
            figure = self._figure()
            grow(self.figure, figure)
            update(self.figure, figure)
            self._sentence = caption(figure)
            self._status(state or self.state)
            if self._picture is None:
                self.table.value = table(compare(self.curves, self._reference))
            now = time.monotonic()
            self._due = now + max(PERIOD, (now - before) / SHARE)

    def _figure(self) -> go.Figure:
        """With room for the third part from the outset: most trainings fill it."""
        if self._picture is not None:
            return self._picture(self.curves)
        unknown_yet = bool(self._knobs) and not any(curve.steps for curve in self.curves)
        return training(self.curves, reference=self._reference, same_pictures=unknown_yet)

    def _status(self, state: str) -> None:
        """State, step, speed, time left, memory; the sentence; what else there is to say."""
        parts, notes = [], dict(self._notes)
        self.caption = self._sentence
        if self.curves:
            curve = self.curves[-1]
            parts = [f"step {curve.step:,} of {curve.steps:,}"]
            parts += self._pace.parts() if state == "running" else []
            notes["measure"] = self._same.problem if self._same is not None else ""
            notes["band"] = outside(curve, self._reference)
        self.line.value = status(state, parts, self.caption, notes)
        buttons.enable(self.widgets, state)

    def _request(self) -> None:
        """A knob was moved: the run is asked; while it pauses the same pictures answer at once."""
        if self.control is not None and self.state in ("running", "paused"):
            self.control.request(**self.values)
            if self.state == "paused":
                self._look_again()

    def _look_again(self) -> None:
        if self.state == "paused" and self._same is not None and self.run is not None:
            with self.run.idle():
                self._same.take(self.values)
        self._draw()

    def _tick(self, _: object) -> None:
        if not self._ticking or self.run is None:
            return
        self.run.advance(seconds=SLICE)
        if self.run.state in ("done", "failed"):
            self.stop()

    def _played(self, change: Mapping[str, Any]) -> None:
        """The Play widget's own buttons: pause and go on."""
        if change["new"] and not self._ticking and self.driver == "tick":
            self.start() if self.run is None else self.resume()
        elif not change["new"] and self._ticking:
            self.stop()

    def _clicked(self, action: str) -> Callable[[object], None]:
        def act(_: object) -> None:
            try:
                getattr(self, action)()
            except Exception as error:
                told = f"{NOT.get(action, 'Not done')}: {type(error).__name__}: {error}"
                self._notes[FAILURE] = told
                self._draw()

        return act
