"""A guess before the answer: locked in first, told apart afterwards, kept on the progress card."""

import html
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import ipywidgets

from labkit import progress
from labkit.errors import positive, unknown
from labkit.widgets.controls import slider
from labkit.widgets.panel import Panel, row

Number: TypeAlias = float | Callable[[], float]
Option: TypeAlias = str | Callable[[], str]
_locked: dict[tuple[str, str], int] = {}  # (lab, name) -> how often in this kernel


def predict(
    name: str,
    question: str,
    answer: Number,
    *,
    low: float,
    high: float,
    unit: str = "",
    step: float | None = None,
    lab: str = "",
) -> "PredictPanel":
    """A question, a slider from `low` to `high` that starts in the middle, and "Lock in".

    `step` is a hundredth of the range unless given.
    `answer` is a number, or a function that is called at the lock-in and not before. After it one
    sentence compares the two, the guess is final, and a line goes to the progress card under
    `name`, which must differ from panel to panel in a lab. `lab` ("01") is that of the notebook
    unless given. ValueError unless low < high.
    """
    if not low < high:
        raise ValueError(f"high must be above low, got low={low!r} and high={high!r}")
    step = positive("step", (high - low) / 100 if step is None else step)
    middle = low + round((high - low) / 2 / step) * step
    label = f"your guess ({unit})" if unit else "your guess"
    guess = slider(label, middle, low, high, step)
    guess.style.description_width = "initial"  # a unit is long
    return PredictPanel(name, question, guess, _numeric(answer, step, unit, high - low), lab)


def predict_choice(
    name: str, question: str, options: Sequence[str], answer: Option, *, lab: str = ""
) -> "PredictPanel":
    """The same for "which one": buttons of which one is chosen; none is at first.

    `answer` is one of `options`, or a function that returns one. ValueError for fewer than two
    options, for two that are equal, and for an answer that is none of them.
    """
    options = [str(option) for option in options]
    if len(options) < 2 or len(set(options)) < len(options):
        raise ValueError(f"options must be two or more and differ, got {options!r}")
    if not callable(answer) and answer not in options:
        raise unknown("answer", answer, options)
    look = {"layout": {"width": "auto"}, "description": "your guess"}
    guess = ipywidgets.RadioButtons(options=options, value=None, **look)
    return PredictPanel(name, question, guess, _chosen(answer, options), lab)


Judge: TypeAlias = Callable[[Any], tuple[str, str, dict[str, Any]]]  # sentence, kind, facts


class PredictPanel(Panel):
    """See `predict`. `locked` says whether the guess is final; `lock()` does what the button does.

    The answer is held by the kernel alone: it is in no widget, so that no page has it before.
    """

    def __init__(
        self, name: str, question: str, guess: ipywidgets.Widget, judge: Judge, lab: str
    ) -> None:
        self.locked = False
        self._judge, self._key = judge, (lab or progress.notebook(), name)
        button = ipywidgets.Button(
            description="Lock in", icon="lock", tooltip="final: the answer is shown then"
        )
        # "predict": a figure of the same name is another panel
        super().__init__(f"predict {name}", {"guess": guess, "lock": button}, [])
        asked = ipywidgets.HTML(f"<b>{html.escape(question)}</b>")
        self.box.children = [asked, row([guess, button]), self.line]
        button.on_click(lambda _: self.lock())
        self.say("Guess first: the answer comes with the lock-in.")

    def lock(self) -> None:
        """Make the guess final and show the answer; once. A failing answer locks nothing."""
        guess = self.widgets["guess"].value
        if self.locked or self.closed:
            return
        if guess is None:
            self.say("Choose one first.")
            return
        self._enable(False)
        self.say("Working out the answer ...")
        try:
            sentence, kind, facts = self._judge(guess)
        except Exception as error:  # the answer may be anybody's code
            self._enable(True)
            self.say("Not locked in.", f"No answer: {type(error).__name__}: {error}")
            return
        self.locked = True
        attempt, (lab, name) = self._attempt(), self._key
        progress.note(kind, name=name, lab=lab, **facts, attempt=attempt)
        self.say(sentence + (f" (attempt {attempt})" if attempt > 1 else ""))

    def _enable(self, on: bool) -> None:
        for widget in self.widgets.values():
            widget.disabled = not on

    def _attempt(self) -> int:
        """Which one this is, counting this kernel's lock-ins and those the card has."""
        before = max(_locked.get(self._key, 0), progress.attempts(*self._key))
        _locked[self._key] = before + 1
        return before + 1


def _numeric(answer: Number, step: float, unit: str, span: float) -> Judge:
    """guess -> how far it is from the number, in its unit and as a share of the range."""

    def judge(guess: float) -> tuple[str, str, dict[str, Any]]:
        true = float(answer() if callable(answer) else answer)
        if not math.isfinite(true):
            raise ValueError(f"the answer came out as {true}")
        off = abs(guess - true)
        facts = {"guess": float(guess), "answer": true, "off": off / span, "unit": unit}
        said = f"You said {_shown(guess, unit)}, it is {_shown(true, unit)}: "
        if off <= step / 2 * (1 + 1e-9):
            return f"{said}as near as the slider can say.", "prediction", facts
        points = "points" if unit == "%" else unit
        side = "high" if guess > true else "low"
        return f"{said}{_shown(off, points)} too {side}.", "prediction", facts

    return judge


def _chosen(answer: Option, options: Sequence[str]) -> Judge:
    """guess -> whether it is the right one."""

    def judge(guess: str) -> tuple[str, str, dict[str, Any]]:
        true = str(answer() if callable(answer) else answer)
        if true not in options:
            raise unknown("answer", true, options)
        facts = {"guess": guess, "answer": true, "right": guess == true}
        if guess == true:
            return f"You said {guess}: right.", "choice", facts
        return f"You said {guess}, it is {true}.", "choice", facts

    return judge


def _shown(value: float, unit: str) -> str:
    return f"{value:,.4g} {unit}".strip()
