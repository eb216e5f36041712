"""Which settings a printed panel keeps."""

import math

import ipywidgets
from hypothesis import given
from hypothesis import strategies as st

from labkit import widgets
from labkit.widgets.settings import GRID, LEAST, MOST, knobs, plan, spread


@given(st.integers(1, 300), st.data(), st.integers(LEAST, MOST))
def test_stops_hold_the_ends_and_the_start(count: int, data: st.DataObject, most: int) -> None:
    start = data.draw(st.integers(0, count - 1))
    kept = spread(count, start, most)
    assert {0, start, count - 1} <= set(kept) and len(kept) <= most
    assert kept == sorted(set(kept))


def test_a_temperature_reads_as_its_slider_does() -> None:
    (knob,) = knobs({"t": widgets.temperature(4.0)})
    assert (knob.label, knob.kind, knob.texts[knob.start]) == ("temperature T", "range", "4.00")
    assert knob.values[knob.start] == 4.0
    assert (knob.texts[0], knob.texts[-1]) == ("0.25", "64.00")


def test_each_kind_of_control_is_known() -> None:
    found = knobs(
        {
            "k": widgets.negatives(8, 64),
            "axis": widgets.choice("axis", "log", ["linear", "log"]),
            "on": widgets.switch("on", True),
            "word": widgets.text("word", "hello"),
            "share": widgets.slider("share", 0.5, 0, 1, 0.05),
        }
    )
    assert [knob.kind for knob in found] == ["range", "choice", "switch", "fixed", "range"]
    assert [knob.texts[knob.start] for knob in found] == ["8", "log", "on", "hello", "0.50"]


def test_a_clock_beside_its_slider_is_left_out() -> None:
    play = ipywidgets.Play(value=0, min=0, max=60, step=1)
    (first, second) = knobs({"play": play, "step": widgets.slider("step", 0, 0, 60)})
    assert (first.kind, list(first.values)) == ("fixed", [0])
    assert second.kind == "range"
    (alone,) = knobs({"play": play})
    assert alone.kind == "range"


def test_two_sliders_make_a_grid() -> None:
    two = {"a": widgets.slider("a", 0, 0, 99), "b": widgets.slider("b", 50, 0, 99)}
    found, settings = plan(two)
    assert len(settings) == math.prod(len(knob.values) for knob in found) <= GRID
    assert settings[0] == tuple(knob.start for knob in found)


def test_more_move_one_at_a_time_at_each_choice() -> None:
    three = {name: widgets.slider(name, 0, 0, 99) for name in "abc"}
    found, settings = plan(three)
    moved = [
        sum(place != knob.start for place, knob in zip(s, found, strict=True)) for s in settings
    ]
    assert max(moved) == 1 and len(settings) == 3 * (MOST - 1) + 1
    two = {name: three[name] for name in "ab"} | {"axis": widgets.choice("axis", 1, [1, 2])}
    found, settings = plan(two)
    assert {s[2] for s in settings if s[0] == 5} == {0, 1} and len(settings) <= GRID
