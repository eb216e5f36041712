"""A drawing function becomes a panel."""

import gc
import itertools
import threading
import tracemalloc

import numpy as np
import pytest
import torch

from labkit import widgets
from labkit.widgets.latest import Latest


@pytest.fixture
def panel(draw):
    made = widgets.explore(
        draw,
        name="test",
        temperature=widgets.temperature(4.0),
        scale=widgets.choice("axis", "linear", ["linear", "log"]),
    )
    yield made
    made.close()


def test_a_slider_changes_the_bars_and_the_sentence(panel):
    before = panel.figure.data[0].y.copy()
    panel.widgets["temperature"].value = 2
    assert not np.array_equal(before, panel.figure.data[0].y)
    assert panel.figure.layout.title.text == "T = 2.00"
    assert panel.caption.startswith("At T = 2.00") and panel.caption in panel.line.value
    assert panel.values == {"temperature": 2, "scale": "linear"}


def test_the_text_stands_in_for_the_panel_and_has_no_ids(panel, draw):
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == repr(panel) == f"[panel test] {panel.caption}"
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == panel.box.model_id
    again = widgets.explore(
        draw, name="test", temperature=widgets.temperature(4.0), scale=panel.widgets["scale"]
    )
    assert repr(again) == bundle["text/plain"]


def test_a_control_made_in_an_earlier_cell_survives(draw):
    shared = widgets.temperature(4.0)
    first = widgets.explore(draw, name="shared", temperature=shared)
    second = widgets.explore(draw, name="shared", temperature=shared)
    stale = first.figure.data[0].y.copy()
    shared.value = 2.0
    assert second.caption.startswith("At T = 2.00")
    assert first.closed and np.array_equal(first.figure.data[0].y, stale)
    second.close()


def test_an_error_is_one_line_and_the_picture_stays(panel):
    def fail(**values):
        raise RuntimeError("too <hot>")

    before, good = panel.figure.data[0].y.copy(), panel._draw
    panel._draw = fail
    panel.widgets["temperature"].value = 8
    assert "Not drawn at temperature = 8, scale = linear" in panel.line.value
    assert (
        "RuntimeError: too &lt;hot&gt;" in panel.line.value and "Traceback" not in panel.line.value
    )
    assert isinstance(panel.error, RuntimeError)
    assert np.array_equal(before, panel.figure.data[0].y)
    panel._draw = good
    panel.widgets["temperature"].value = 16
    assert panel.error is None and "Not drawn" not in panel.line.value


def test_an_error_in_the_first_drawing_is_the_cells_own():
    with pytest.raises(ZeroDivisionError):
        widgets.explore(lambda t: 1 / 0, name="broken", t=widgets.temperature(1.0))


def test_drawing_happens_without_gradients(draw):
    modes = []

    def record(temperature):
        modes.append(torch.is_grad_enabled())
        return draw(temperature)

    panel = widgets.explore(record, name="modes", temperature=widgets.temperature(4.0))
    thread = threading.Thread(target=setattr, args=(panel.widgets["temperature"], "value", 2.0))
    thread.start()
    thread.join()
    assert modes == [False, False] and torch.is_grad_enabled()
    panel.close()


def test_two_figures_side_by_side(draw):
    panel = widgets.explore(
        lambda temperature: (draw(temperature), draw(2 * temperature)),
        name="pair",
        temperature=widgets.temperature(4.0),
    )
    panel.widgets["temperature"].value = 1
    assert [f.layout.title.text for f in panel.figures] == ["T = 1.00", "T = 2.00"]
    assert "At T = 1.00" in panel.caption and "At T = 2.00" in panel.caption
    panel.close()


def test_show_is_a_panel_without_controls(draw):
    panel = widgets.show(draw(4.0), name="still")
    assert repr(panel).startswith("[panel still] At T = 4.00") and panel.values == {}
    assert widgets.show(draw(4.0), name="still") is not panel and panel.closed


def test_a_panel_of_the_same_name_closes_its_predecessor(draw, alive):
    def make():
        return widgets.explore(draw, name="again", temperature=widgets.temperature(4.0))

    first = make()
    count = alive()
    for _ in range(5):
        last = make()
    assert first.closed and not last.closed
    assert alive() == count
    last.close()
    assert last.widgets["temperature"].comm is None


def test_200_moves_leave_widgets_and_memory_flat(panel, alive):
    slider = panel.widgets["temperature"]

    def move(times):
        for i in range(times):
            slider.value = 1 + i % 20 / 4

    move(60)
    count = alive()
    tracemalloc.start()
    held = []
    for _ in range(4):
        move(100)
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert alive() == count
    # bytes; one figure takes more, and a leak grows every time, as other threads' doings do not
    assert min(later - sooner for sooner, later in itertools.pairwise(held)) < 25_000


def test_what_is_asked_while_drawing_becomes_one_drawing():
    started, go_on, seen = threading.Event(), threading.Event(), []
    value = {"now": 0}

    def work():
        seen.append(value["now"])
        started.set()
        assert go_on.wait(5)

    latest = Latest(work)
    thread = threading.Thread(target=latest)
    thread.start()
    assert started.wait(5)
    for number in range(1, 11):
        value["now"] = number
        latest()  # returns at once: another thread is drawing
    go_on.set()
    thread.join(5)
    assert seen == [0, 10]


def test_latest_works_again_after_an_error():
    calls = []

    def work():
        calls.append(len(calls))
        if len(calls) == 1:
            raise ValueError("once")

    latest = Latest(work)
    with pytest.raises(ValueError, match="once"):
        latest()
    latest()
    assert calls == [0, 1]
