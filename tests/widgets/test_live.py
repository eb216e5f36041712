"""Figures that redraw in place."""

import time

import numpy as np
import plotly.graph_objects as go
import pytest

from labkit.figures import style
from labkit.widgets import live, update
from labkit.widgets import script as shared
from labkit.widgets.live import changes, same

X = np.arange(100, dtype=np.float32)


def two_panels(t, extra=0):
    parts = [
        {"title": "left", "x": "class", "y": {"title": "p", "range": [0, 1]}},
        {"title": "right", "x": "class", "y": {"title": "p", "range": [0, 1]}},
    ]
    parts[0]["traces"] = [style.bars(i, x=X, y=X / X.max() / (t + i)) for i in range(1 + extra)]
    parts[1]["traces"] = [style.line(0, x=X, y=(X / X.max()) ** t)]
    return style.panels(parts, title=f"t = {t:.2f}", caption=f"At {t:.2f}.")


@pytest.fixture
def sent(monkeypatch):
    """Every update message of a figure widget."""
    messages = []

    def keep(self, restyle_data, relayout_data, trace_indexes=None, source_view_id=None):
        messages.append((restyle_data, relayout_data, trace_indexes))

    monkeypatch.setattr(go.FigureWidget, "_send_update_msg", keep)
    if shared.SHARED:
        monkeypatch.setattr(shared.LiveFigure, "_send_update_msg", keep)
    return messages


def test_update_reaches_the_state_of_a_new_figure_in_one_message(sent):
    widget = live(two_panels(1.0))
    assert update(widget, two_panels(2.0))
    expected = two_panels(2.0)
    for old, new in zip(widget.data, expected.data, strict=True):
        assert np.array_equal(old.y, new.y)
    assert widget.layout.title.text == "t = 2.00"
    assert len(sent) == 1


def test_update_sends_only_what_changed(sent):
    widget = live(two_panels(1.0))
    figure = two_panels(1.0)
    figure.data[1].y = X / 200
    update(widget, figure)
    ((style_data, layout, traces),) = sent
    assert list(style_data) == ["y"] and not layout and traces == [1]


def test_update_sends_nothing_where_nothing_changed(sent):
    widget = live(two_panels(1.0))
    assert not update(widget, two_panels(1.0))
    assert sent == []


def test_an_entry_that_is_gone_is_taken_away():
    widget = live(style.figure([style.line(0, x=X, y=X)], caption="", title="a", shapes=[]))
    update(widget, style.figure([style.line(0, x=X, y=X)], caption=""))
    assert widget.layout.title.text is None


def test_annotations_and_ranges_follow():
    def figure(x, note):
        mark = [{"x": x, "y": 0.5, "text": note}] if note else []
        trace = style.line(0, x=X, y=X)
        return style.figure([trace], caption="", y={"range": [0, x]}, annotations=mark)

    widget = live(figure(1, "one"))
    update(widget, figure(2, "two"))
    assert widget.layout.annotations[0].text == "two"
    assert tuple(widget.layout.yaxis.range) == (0, 2)
    update(widget, figure(3, ""))
    assert not widget.layout.annotations


def test_another_number_of_traces_replaces_them():
    widget = live(two_panels(1.0))
    assert update(widget, two_panels(3.0, extra=1))
    assert [trace.type for trace in widget.data] == ["bar", "bar", "scatter"]
    assert np.array_equal(widget.data[1].y, two_panels(3.0, extra=1).data[1].y)
    assert widget.layout.title.text == "t = 3.00"


def test_a_typical_update_costs_at_most_5_ms():
    widget = live(two_panels(1.0))
    figures = [two_panels(1 + i / 10) for i in range(1, 41)]
    seconds = []
    for figure in figures:
        before = time.process_time()
        update(widget, figure)
        seconds.append(time.process_time() - before)
    assert np.median(seconds) < 0.005


def test_same_compares_arrays_nan_and_nesting():
    assert same(np.array([1.0, np.nan]), np.array([1.0, np.nan]))
    assert not same(np.array([1.0, 2.0]), np.array([1.0]))
    assert not same(None, np.array([1.0]))
    assert same([{"x": (1, 2)}], [{"x": [1, 2]}])
    assert not same({"a": 1}, {"a": 1, "b": 2})


def test_changes_name_the_path_of_what_differs():
    old = {"marker": {"color": "red", "size": 3}, "name": "a", "meta": {"caption": "x"}}
    new = {"marker": {"color": "blue", "size": 3}, "meta": {"caption": "y"}}
    assert changes(old, new) == {"marker.color": "blue", "name": None}


@pytest.mark.skipif(not shared.SHARED, reason="plotly 5 sends no script")
class TestSharedScript:
    def test_all_figures_name_one_holder_and_none_carries_the_script(self):
        first, second = live(two_panels(1.0)), live(two_panels(2.0))
        assert first._script == second._script == shared.holder().model_id
        assert len(first._esm) < 10_000 < 1_000_000 < len(shared.holder().value)

    def test_a_page_that_is_loaded_again_gets_what_is_drawn_now(self):
        widget = live(two_panels(1.0))
        update(widget, two_panels(2.0))
        state = widget.get_state()
        assert np.array_equal(
            np.frombuffer(state["_widget_data"][1]["y"]["buffer"], np.float32),
            two_panels(2.0).data[1].y,
        )
        assert state["_widget_layout"]["title"]["text"] == "t = 2.00"

    def test_one_message_carries_the_arrays_beside_it(self, monkeypatch):
        widget = live(two_panels(1.0))
        sent = []
        monkeypatch.setattr(
            widget, "send", lambda content, buffers: sent.append((content, buffers))
        )
        update(widget, two_panels(2.0))
        ((content, buffers),) = sent
        assert content["update"]["quick"]
        assert content["update"]["style_data"]["y"][1]["buffer"] == 1
        assert np.array_equal(np.frombuffer(buffers[1], np.float32), two_panels(2.0).data[1].y)

    def test_rows_of_a_heat_map_travel_as_bytes(self):
        buffers = []
        packed = shared.pack({"z": np.eye(3, dtype=np.float32), "n": np.arange(2)}, buffers)
        assert packed["z"] == {"buffer": 0, "dtype": "float32", "shape": (3, 3)}
        assert packed["n"] == [0, 1] and len(buffers) == 1

    @pytest.mark.parametrize(
        ("style_data", "layout", "expected"),
        [
            ({"y": [X]}, {}, True),
            ({"y": [X]}, {"title.text": "T = 2"}, True),
            ({"y": [X]}, {"title.text": "T<sub>2</sub>"}, False),
            ({"y": [X]}, {"shapes": []}, False),
            ({"x": [X]}, {}, False),  # the x axis scales itself
            ({"marker.color": ["red"]}, {}, False),
            ({}, {"title.text": "T = 2"}, False),
        ],
    )
    def test_quick_only_where_the_axes_stay(self, style_data, layout, expected):
        assert shared.quick(live(two_panels(1.0)), style_data, layout, [0]) is expected
