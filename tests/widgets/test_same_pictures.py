"""The loss on the same pictures: one line follows the knobs, the other only the learning."""

import time

import numpy as np
import pytest

from labkit.widgets import TrainingPanel
from tests.widgets.panels import Measurable, make, steps, until


def line(panel, name):
    (trace,) = [t for t in panel.figure.data if (t.name or "") == f"same pictures: {name}"]
    return np.array(trace.x), np.array(trace.y)


def accuracy(panel):
    return [list(t.y) for t in panel.figure.data if (t.name or "").startswith("accuracy")]


def test_both_lines_have_a_point_at_the_start_and_at_each_evaluation():
    panel = make(Measurable(), "blocking")
    panel.start()
    for name in ("knobs now", "temperature 4"):
        x, y = line(panel, name)
        assert list(x) == [0, 1, 2, 3, 4]
        assert y == pytest.approx([400, 400 / 11, 400 / 21, 400 / 31, 400 / 41])
    assert "on the same pictures 9.756 nats at the knobs now, 9.756 at temperature 4 (fixed)" in (
        panel.caption
    )
    panel.close()


@pytest.mark.parametrize("driver", ["thread", "tick"])
def test_a_knob_moved_in_a_pause_moves_one_line_and_nothing_else(driver):
    panel = make(Measurable(seconds=0.01), driver)
    panel.start()
    while driver == "tick" and steps(panel) < 15:
        panel.widgets["play"].value += 1
    until(lambda: steps(panel) >= 15)
    panel.stop()
    scores, reached = accuracy(panel), steps(panel)
    panel.widgets["temperature"].value = 8
    panel.widgets["temperature"].value = 16
    (x, now), (_, fixed) = line(panel, "knobs now"), line(panel, "temperature 4")
    assert x[-2] == x[-1] == pytest.approx(4 * reached / 40)  # a jump where it stands
    assert now[-1] == pytest.approx(4 * now[-2]) and fixed[-1] == fixed[-2] == now[-2]
    assert accuracy(panel) == scores and steps(panel) == reached
    assert panel.control.knobs == {"temperature": 4.0}  # in force from the next step on
    assert f"{now[-1]:.3f} nats at the knobs now, {fixed[-1]:.3f} at temp" in panel.caption
    panel.step()
    assert panel.control.knobs == {"temperature": 16.0}
    panel.close()


def test_a_drag_while_it_runs_is_measured_now_and_then_and_at_its_end(monkeypatch):
    monkeypatch.setattr("labkit.widgets.same_pictures.SHARE", 1e-4)
    training = Measurable(steps=100, seconds=0.005)
    panel = make(training, "thread")
    panel.start()
    until(lambda: steps(panel) >= 5)
    for value in np.linspace(5, 12, 30):
        panel.widgets["temperature"].value = float(value)
        time.sleep(0.006)
    until(lambda: panel.state == "done")
    measured = {knobs["temperature"] for knobs in training.calls}
    assert 4.0 in measured and 12.0 in measured and len(measured) < 20
    panel.close()


def test_the_fixed_knobs_are_the_first_run_s_unless_given():
    panel = make(Measurable(), "blocking")
    panel.widgets["temperature"].value = 8
    panel.start()
    panel.widgets["temperature"].value = 2
    panel.start()
    assert [dict(curve.fixed) for curve in panel.curves] == [{"temperature": 8.0}] * 2
    panel.close()
    panel = make(Measurable(), "blocking", reference_knobs={"temperature": 1})
    panel.start()
    assert line(panel, "temperature 1")[1] == pytest.approx(line(panel, "knobs now")[1] / 4)
    panel.close()


def test_an_unknown_reference_knob_lists_the_choices():
    with pytest.raises(ValueError, match="unknown reference knob 'tau': choose from temperature"):
        make(Measurable(), "blocking", reference_knobs={"tau": 1})


def test_without_measure_or_knobs_there_are_two_parts(begin):
    with_knobs = make(begin, "blocking")
    without = TrainingPanel("none", Measurable(), knobs={}, driver="blocking")
    for panel in (with_knobs, without):
        panel.start()
        assert panel.state == "done" and {t.xaxis for t in panel.figure.data} == {"x", "x2"}
        assert panel.figure.layout.xaxis2.domain[1] == pytest.approx(1)
        panel.close()


def test_a_measurement_that_fails_is_told_and_does_not_end_the_training(monkeypatch):
    def broken(knobs):
        raise KeyError("negatives")

    training = Measurable()
    monkeypatch.setattr(training, "measure", broken)
    panel = make(training, "blocking")
    panel.start()
    assert panel.state == "done" and panel.result() == {"steps": 40}
    assert "Not measured any more: KeyError" in panel.line.value
    panel.close()
