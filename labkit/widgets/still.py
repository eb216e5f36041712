"""Panels for pages without a kernel: native controls over figures that were drawn beforehand.

`install()` makes every panel that a cell shows come as HTML. Nothing else changes: panels that
were not shown, and every live notebook, stay as they are. labs/site/still.js moves the figures.
"""

import html
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
import plotly.graph_objects as go

from labkit.figures.style import HEIGHT, caption
from labkit.widgets.doctor import DoctorPanel
from labkit.widgets.explore import ExplorePanel
from labkit.widgets.panel import Panel
from labkit.widgets.predict import PredictPanel
from labkit.widgets.settings import Knob, plan
from labkit.widgets.stored import difference, plain, text
from labkit.widgets.training import TrainingPanel

LIVE = "run it live"  # the words every page explains at its top
TRAIN = f"This panel trains while you watch: to press its buttons and move its knobs, {LIVE}."
ALONE = "Recorded one knob at a time: moving a slider puts the others back to their start."
BUTTONS = f"This panel has buttons: to press them, {LIVE}."
TYPING = f"typing needs the live lab: {LIVE}"
_numbers = itertools.count(1)
_holders: dict[str, str] = {}  # what panels hold -> the first of this page that does


def install() -> None:
    """From now on this kernel's cells show panels, and other widgets, as HTML for a page."""
    from IPython import get_ipython

    formatter = get_ipython().display_formatter.mimebundle_formatter
    formatter.for_type(Panel, lambda panel, **_: bundle(panel))
    formatter.for_type(ipywidgets.Widget, lambda widget, **_: bundle(widget))


def bundle(shown: Any) -> dict[str, str]:
    """What a cell's output holds: HTML, and the panel's text beside it."""
    if isinstance(shown, ExplorePanel):
        page = explored(shown)
    elif isinstance(shown, PredictPanel):
        page = question(shown)
    elif isinstance(shown, Panel) and shown.figures and not isinstance(shown, DoctorPanel):
        page = pictured(shown)
    else:
        page = f'<p class="still-note">What stands here answers to your machine: {LIVE}.</p>'
    return {
        "text/html": page,
        "text/plain": repr(shown) if isinstance(shown, Panel) else "a widget",
    }


def explored(panel: ExplorePanel) -> str:
    """An explore panel: its knobs over figures drawn at each of their settings."""
    found, settings = plan(panel.widgets)
    drawn = [_drawn(panel, found, setting) for setting in settings]
    if len(settings) > 1:
        panel._drawn(panel.values)  # what a drawing keeps is again as at the start
    first = drawn[0].figures
    kept = {}
    for setting, one in zip(settings, drawn, strict=True):
        pairs = zip(first, one.figures or first, strict=True)
        change = {"d": [difference(a, b) for a, b in pairs], "s": one.sentence, "e": one.error}
        kept[",".join(map(str, setting))] = {key: part for key, part in change.items() if part}
    full = len(settings) == math.prod(len(knob.values) for knob in found)
    typed = [knob for knob in found if knob.kind == "fixed" and knob.texts[0]]
    notes = [] if full else [ALONE]
    notes += [f"{knob.label}: {knob.texts[0]} ({TYPING})." for knob in typed]
    return _page(panel.name, found, first, kept, notes)


def pictured(panel: Panel) -> str:
    """Any other panel: its figures as they are, and what it would do in the live lab."""
    figures = [plain(go.Figure(figure)) for figure in panel.figures]
    trains = isinstance(panel, TrainingPanel) and not panel.runs
    said = _recorded(figures[0]) if trains else panel.caption
    said = " ".join(filter(None, [said, getattr(panel, "seen", "")]))
    return _page(panel.name, [], figures, {"": {"s": said}}, [TRAIN if trains else BUTTONS])


def _recorded(figure: dict[str, Any]) -> str:
    """What a panel shows on which nobody has trained yet."""
    named = [trace["name"] for trace in figure["data"] if trace.get("name")]
    if not named:
        return "Nothing is drawn before a first run."
    return f"No run of yours yet; drawn for comparison: {'; '.join(dict.fromkeys(named))}."


def question(panel: PredictPanel) -> str:
    """A prediction: the question in words; the answer stays in the kernel."""
    asked = re.sub("<[^>]+>", "", panel.box.children[0].value)
    options = getattr(panel.widgets["guess"], "options", ())
    listed = "".join(f"<li>{html.escape(str(option))}</li>" for option in options)
    guess = f"Make your guess before you read on; to lock it in, {LIVE}."
    return (
        f'<div class="still"><p><b>{asked}</b></p>{f"<ul>{listed}</ul>" if listed else ""}'
        f'<p class="still-note">{guess}</p></div>'
    )


@dataclass(frozen=True)
class Drawn:
    """A setting's figures and sentence, or the error that stands in for them."""

    figures: list[dict[str, Any]]
    sentence: str
    error: str = ""


def _drawn(panel: ExplorePanel, found: Sequence[Knob], setting: tuple[int, ...]) -> Drawn:
    values = {knob.name: knob.values[place] for knob, place in zip(found, setting, strict=True)}
    try:
        figures = panel._drawn(values)
        if len(figures) != len(panel.figures):
            raise ValueError(f"{len(figures)} figures instead of {len(panel.figures)}")
    except Exception as error:  # a drawing may be anybody's code
        read = ", ".join(f"{k.label} = {k.texts[i]}" for k, i in zip(found, setting, strict=True))
        told = f"Not drawn at {read}: {type(error).__name__}: {error}"
        return Drawn([], panel.caption, told)
    return Drawn([plain(each) for each in figures], " ".join(filter(None, map(caption, figures))))


def _page(
    name: str,
    found: Sequence[Knob],
    figures: Sequence[dict[str, Any]],
    kept: dict[str, Any],
    notes: Sequence[str],
) -> str:
    """The HTML of a panel; the first of `kept` is what it shows at first."""
    key = f"still-{next(_numbers)}"
    shown = [knob for knob in found if len(knob.values) > 1]
    sentence = next(iter(kept.values())).get("s", "")
    start = [{"start": knob.start, "kind": knob.kind, "texts": knob.texts} for knob in found]
    controls = [_control(f"{key}-{place}", k) for place, k in enumerate(found) if k in shown]
    legend = f"<legend>Settings: {html.escape(name.replace('-', ' '))}</legend>"
    parts = [f"<fieldset>{legend}{''.join(controls)}</fieldset>"] if shown else []
    parts += [f'<p class="still-note">{html.escape(note)}</p>' for note in notes]
    parts.append(f'<div class="still-figures">{"".join(_place(key, f) for f in figures)}</div>')
    parts.append(f'<p class="still-sentence" id="{key}" aria-live="polite">{_safe(sentence)}</p>')
    parts.append('<p class="still-error" role="status"></p>')
    data = text({"knobs": start, "figures": figures, "settings": kept})
    holder = _holders.setdefault(data, key)
    of, own = ("", data) if holder == key else (f' data-of="{holder}"', "")
    parts.append(f'<script type="application/json"{of}>{own}</script>')
    return f'<div class="still" data-panel="{html.escape(name)}">{"".join(parts)}</div>'


def _place(key: str, figure: dict[str, Any]) -> str:
    """Where a figure is drawn: its height is kept free, and its text says what kind it is."""
    layout = figure["layout"]
    alt = (
        (layout.get("meta") or {}).get("alt") or (layout.get("title") or {}).get("text") or "figure"
    )
    height = layout.get("height", HEIGHT)
    look = f'role="img" aria-label="{_safe(alt)}" aria-describedby="{key}"'
    return f'<div class="still-figure" {look} style="height:{height}px"></div>'


def _control(key: str, knob: Knob) -> str:
    """A native control: a slider over stops with its reading, a list of choices, or a switch."""
    label = f'<label for="{key}">{html.escape(knob.label)}</label>'
    reads = html.escape(knob.texts[knob.start])
    if knob.kind == "choice":
        chosen = ["", " selected"]
        options = "".join(
            f"<option{chosen[place == knob.start]}>{html.escape(one)}</option>"
            for place, one in enumerate(knob.texts)
        )
        control = f'<select id="{key}" autocomplete="off">{options}</select>'
    elif knob.kind == "switch":
        on = " checked" if knob.start else ""
        control = f'<input type="checkbox" id="{key}" autocomplete="off"{on}>'
    else:
        ends = f'min="0" max="{len(knob.texts) - 1}" step="1" value="{knob.start}"'
        look = f'{ends} aria-valuetext="{reads}" autocomplete="off"'
        control = f'<input type="range" id="{key}" {look}>'
        control += f'<output for="{key}" aria-live="off">{reads}</output>'
    return f'<div class="still-knob">{label}{control}</div>'


def _safe(words: str) -> str:
    return html.escape(re.sub("<[^>]+>", " ", words))
