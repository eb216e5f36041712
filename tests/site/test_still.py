"""Panels as HTML; and the live ones left as they are."""

import json
import re
from typing import Any

import plotly.graph_objects as go
import pytest

from labkit import figures, widgets
from labkit.widgets import still
from labkit.widgets.panel import WIDGET_VIEW


def wave(size: int, colour: str = "blue") -> go.Figure:
    if size == 3:
        raise ValueError("no size 3")
    line = figures.style.line(0, x=[0, 1], y=[0, size])
    return figures.style.figure([line], caption=f"A {colour} line to {size}.", title="line")


def stored(page: str) -> Any:
    return json.loads(re.search(r"<script[^>]*>(.*?)</script>", page, re.S)[1])


@pytest.fixture(autouse=True)
def page_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(still, "_holders", {})


@pytest.fixture
def panel() -> widgets.ExplorePanel:
    colour = widgets.choice("colour", "blue", ["blue", "green"])
    return widgets.explore(wave, name="line", size=widgets.slider("size", 2, 1, 4), colour=colour)


def test_every_setting_is_drawn_and_has_its_sentence(panel: widgets.ExplorePanel) -> None:
    data = stored(still.explored(panel))
    assert len(data["settings"]) == 8
    assert data["settings"]["1,0"]["s"] == "A blue line to 2."
    assert data["settings"]["3,1"]["s"] == "A green line to 4."


def test_a_panel_shown_twice_is_held_once(panel: widgets.ExplorePanel) -> None:
    first, again = still.explored(panel), still.explored(panel)
    (holder,) = re.findall(r'id="(still-\d+)"', first)
    assert f'<script type="application/json" data-of="{holder}"></script>' in again
    assert len(again) < len(first) and "data-of" not in first


def test_a_drawing_that_fails_says_so_at_its_setting(panel: widgets.ExplorePanel) -> None:
    data = stored(still.explored(panel))
    assert (
        data["settings"]["2,0"]["e"]
        == "Not drawn at size = 3, colour = blue: ValueError: no size 3"
    )
    assert sum("e" in setting for setting in data["settings"].values()) == 2


def test_controls_have_names_and_readable_values(panel: widgets.ExplorePanel) -> None:
    page = still.explored(panel)
    ids = re.findall(r'<(?:input|select)[^>]* id="([^"]+)"', page)
    assert ids == re.findall(r'<label for="([^"]+)"', page) and len(ids) == 2
    assert 'aria-valuetext="2"' in page and "<option selected>blue</option>" in page
    assert '<p class="still-sentence"' in page and "A blue line to 2.</p>" in page


def test_what_a_drawing_keeps_is_at_the_start_again() -> None:
    seen: list[int] = []

    def draw(size: int) -> go.Figure:
        seen.append(size)
        return wave(7)

    still.explored(widgets.explore(draw, name="kept", size=widgets.slider("size", 2, 1, 4)))
    assert seen[-1] == 2 and set(seen) == {1, 2, 3, 4}


def test_a_training_shows_its_recorded_runs() -> None:
    accuracy = {"epoch": [1, 2], "mean": [0.1, 0.2], "std": [0.0, 0.1]}
    reference = {"accuracy": accuracy, "label": "five runs"}
    panel = widgets.TrainingPanel("t", lambda control: iter(()), knobs={}, reference=reference)
    page = still.bundle(panel)["text/html"]
    assert "five runs" in page and "run it live" in page and "press Start" not in page


def test_a_prediction_does_not_give_its_answer_away() -> None:
    panel = widgets.predict("guess", "How many?", 6543.25, low=0, high=9000)
    page = still.bundle(panel)["text/html"]
    assert "How many?" in page and "6543" not in page


def test_live_panels_stay_widgets(panel: widgets.ExplorePanel) -> None:
    assert set(panel._repr_mimebundle_()) == {"text/plain", WIDGET_VIEW}
