"""The training panel: start, stop, resume, step; knobs that reach into the run while it goes."""

import collections
import html
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ipywidgets

from labkit.figures.training import Curve, describe, training
from labkit.training import Control, Done, Evaluation, Event, Run, Start, Step, pick_driver
from labkit.widgets.latest import Latest
from labkit.widgets.live import live, update
from labkit.widgets.panel import Panel, row

RUNS = 6  # overlaid; the oldest goes first
PERIOD = 1 / 8  # seconds between two drawings at least
SHARE = 0.03  # of the training's time that drawing may take
SLICE = 0.08  # seconds of training a tick
_active: "TrainingPanel | None" = None  # one training at a time in a kernel


class TrainingPanel(Panel):
    """A live training. `start(control)` makes a new one: an iterator of labkit.training events.

    Moving a knob while it runs is a request the loop applies between two steps; the curve marks
    it. "Start" begins a new run with the current knobs and keeps the earlier curves; "Stop"
    pauses after the current step and "Resume" goes on exactly there. Everything works headless
    too: start(), stop(), resume(), step(), run, runs, result().
    """

    def __init__(
        self,
        name: str,
        start: Callable[[Control], Iterator[Event]],
        *,
        knobs: Mapping[str, ipywidgets.Widget],
        driver: str = "auto",
        reference: Mapping[str, Any] | None = None,
    ) -> None:
        self.driver = pick_driver(driver)
        self.runs: list[Run] = []
        self.curves: list[Curve] = []
        self.control: Control | None = None
        self._begin, self._reference = start, reference
        self._knobs = dict(knobs)
        self._ticking = False
        self._due, self._message, self._batch = 0.0, "", 0.0
        self._pace: collections.deque[tuple[float, int]] = collections.deque(maxlen=50)
        self._drawing = threading.RLock()
        buttons = _buttons()
        self._play = _play()
        super().__init__(
            name,
            {**knobs, **buttons, "play": self._play},
            [live(training([], reference=reference))],
        )
        for action, button in buttons.items():
            button.on_click(self._clicked(getattr(self, action)))
        self._asked = Latest(self._request)
        for knob in knobs.values():
            knob.observe(self._asked, "value")
        self._play.observe(self._tick, "value")
        self._play.observe(self._played, _playing(self._play))
        tools = [*buttons.values(), *([self._play] if self.driver == "tick" else [])]
        self.box.children = [row(knobs.values()), row(tools), self.line, self.figure]
        self._draw()

    @property
    def values(self) -> dict[str, Any]:
        """Name -> current value of every knob."""
        return {name: knob.value for name, knob in self._knobs.items()}

    @property
    def run(self) -> Run | None:
        """The newest run; None before the first start."""
        return self.runs[-1] if self.runs else None

    @property
    def state(self) -> str:
        """ "ready", "running", "paused", "done" or "failed"."""
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
        self._ticking = False
        setattr(self._play, _playing(self._play), False)
        if self.run is not None and self.run.state == "running":
            self.run.pause()
        self._draw()

    def resume(self) -> None:
        """Go on exactly where it stopped."""
        if self.run is None or self.state in ("done", "failed", "running"):
            return
        self._take_over()
        self._pace.clear()
        if self.driver == "tick":
            self._ticking = True
            setattr(self._play, _playing(self._play), True)
        else:
            self.run.start(self.driver)
        self._draw()

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

    def close(self) -> None:
        """Pause what runs, then take the widgets away; the runs stay with whoever holds them."""
        if not self.closed:
            self.stop()
            for knob in self._knobs.values():
                knob.unobserve(self._asked, "value")
        super().close()

    def _prepare(self) -> None:
        self.stop()
        values = {name: float(value) for name, value in self.values.items()}
        control = Control(**values)
        label = ", ".join(f"{name} {value:.3g}" for name, value in values.items())
        curve = Curve(f"run {len(self.runs) + 1}" + (f" ({label})" if label else ""))
        self.say("preparing ...")
        events = self._begin(control)  # a mistake in the set-up is raised here, in the open
        self.control, self._message = control, ""
        self.runs.append(Run(self._watched(events, curve), name=f"{self.name}, {curve.label}"))
        self.curves = [*self.curves, curve][-RUNS:]

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
            step = len(curve.epoch)
            self._message = f"Stopped after step {step}: {type(error).__name__}: {error}"
            self._draw("failed")
            raise

    def _note(self, event: Event, curve: Curve) -> None:
        if isinstance(event, Start):
            self._batch = float(event.config.get("batch_size", 0))
        if isinstance(event, Step):
            self._pace.append((time.monotonic(), event.step))
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
            figure = training(self.curves, reference=self._reference)
            update(self.figure, figure)
            self._status(state or self.state)
            now = time.monotonic()
            self._due = now + max(PERIOD, (now - before) / SHARE)

    def _status(self, state: str) -> None:
        """One line of text: state, step, speed, seconds left, last accuracy."""
        parts = [f"<b>{state}</b>"]
        if self.curves:
            curve = self.curves[-1]
            parts.append(f"step {len(curve.epoch):,} of {curve.steps:,}")
            parts += self._speed(curve) if state == "running" else []
            self.caption = describe(curve)
        else:
            self.caption = "No run yet: press Start."
        text = f"<div>{' · '.join(parts)}</div><div>{html.escape(self.caption)}</div>"
        if self._message:
            text += f"<div role='alert'><b>{html.escape(self._message)}</b></div>"
        self.line.value = text
        idle = state != "running"
        self.widgets["stop"].disabled = idle
        self.widgets["resume"].disabled = state != "paused"
        self.widgets["step"].disabled = not idle

    def _speed(self, curve: Curve) -> list[str]:
        if len(self._pace) < 2:
            return []
        (t0, s0), (t1, s1) = self._pace[0], self._pace[-1]
        rate = (s1 - s0) / max(t1 - t0, 1e-9)
        images = f"{rate * self._batch:,.0f} images/s" if self._batch else f"{rate:,.1f} steps/s"
        return [images, f"{(curve.steps - s1) / max(rate, 1e-9):,.0f} s left"]

    def _request(self) -> None:
        if self.control is not None and self.state in ("running", "paused"):
            self.control.request(**{name: float(value) for name, value in self.values.items()})

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

    def _clicked(self, action: Callable[[], None]) -> Callable[[object], None]:
        def act(_: object) -> None:
            try:
                action()
            except Exception as error:
                self._message = f"Not started: {type(error).__name__}: {error}"
                self._draw()

        return act


def _buttons() -> dict[str, ipywidgets.Button]:
    looks = {
        "start": ("Start", "play", "a new run with the knobs as they are"),
        "stop": ("Stop", "pause", "pause after the current step"),
        "resume": ("Resume", "forward", "go on exactly where it stopped"),
        "step": ("Step", "step-forward", "one optimiser step"),
    }
    return {
        name: ipywidgets.Button(description=text, icon=icon, tooltip=tip, layout={"width": "7.5em"})
        for name, (text, icon, tip) in looks.items()
    }


def _play() -> ipywidgets.Play:
    return ipywidgets.Play(interval=100, min=0, max=1_000_000_000, description="training clock")


def _playing(play: ipywidgets.Play) -> str:
    """The trait that says whether it plays: public since ipywidgets 8."""
    return "playing" if play.has_trait("playing") else "_playing"
