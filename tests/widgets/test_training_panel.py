"""The training panel, headless: by value, by click, by each driver."""

import functools
import time

import numpy as np
import pytest

from labkit import widgets
from labkit.figures.training import Curve, decimate, training
from labkit.training import Evaluation, KnobChange, Start, Step


def make(begin, driver, name="train", **more):
    knobs = {"temperature": widgets.temperature(4.0)}
    return widgets.TrainingPanel(name, begin, knobs=knobs, driver=driver, **more)


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


def steps(panel):
    return len(panel.curves[-1].epoch)


def accuracy_trace(panel):
    return next(t for t in reversed(panel.figure.data) if t.name.startswith("accuracy"))


def test_blocking_runs_to_the_end_and_says_so(begin, capsys):
    panel = make(begin, "blocking")
    assert panel.state == "ready" and "No run yet" in repr(panel)
    panel.start()
    assert panel.state == "done" and panel.result() == {"steps": 40}
    assert capsys.readouterr().out.count("validation accuracy") == 4
    assert "step 40 of 40" in panel.line.value and "100.0%" in panel.caption
    assert list(accuracy_trace(panel).y) == [0.25, 0.5, 0.75, 1.0]
    panel.close()


def test_no_run_has_no_result(begin):
    panel = make(begin, "blocking")
    with pytest.raises(RuntimeError, match="no run yet"):
        panel.result()
    panel.close()


def test_thread_stops_resumes_and_loses_nothing(begin):
    panel = make(functools.partial(begin, seconds=0.01), "thread")
    panel.widgets["start"].click()
    until(lambda: steps(panel) >= 5)
    panel.widgets["temperature"].value = 8
    until(lambda: panel.curves[-1].changes)
    panel.widgets["stop"].click()
    stopped = steps(panel)
    assert panel.state == "paused" and panel.widgets["stop"].disabled
    time.sleep(0.05)
    assert steps(panel) == stopped
    assert len(panel.figure.data[0].y) == stopped  # the last state is drawn
    assert panel.figure.layout.annotations[-1].text == "temperature 4 → 8"
    panel.widgets["resume"].click()
    until(lambda: panel.state == "done")
    numbers = [event.step for event in panel.run.log if isinstance(event, Step)]
    assert numbers == list(range(1, 41))
    assert panel.control.knobs == {"temperature": 8.0}
    until(lambda: "<b>done</b>" in panel.line.value)
    panel.close()


def test_tick_goes_on_by_the_clock_alone(begin):
    panel = make(begin, "tick")
    play = panel.widgets["play"]
    play.value += 1
    assert panel.run is None  # the clock alone starts nothing
    panel.start()
    assert panel.state == "running"
    play.value += 1
    taken = steps(panel)
    assert 0 < taken < 40
    panel.stop()
    play.value += 1
    assert steps(panel) == taken and panel.state == "paused"
    panel.resume()
    while panel.state == "running":
        play.value += 1
    assert panel.state == "done" and panel.result() == {"steps": 40}
    panel.close()


def test_the_play_buttons_of_the_clock_pause_and_go_on(begin):
    panel = make(begin, "tick")
    play = panel.widgets["play"]
    trait = "playing" if play.has_trait("playing") else "_playing"
    setattr(play, trait, True)
    assert panel.state == "running" and len(panel.runs) == 1
    setattr(play, trait, False)
    assert panel.state == "paused"
    setattr(play, trait, True)
    assert panel.state == "running" and len(panel.runs) == 1
    panel.close()


def test_one_step_at_a_time(begin):
    panel = make(begin, "thread")
    panel.step()
    panel.widgets["step"].click()
    assert steps(panel) == 2 and panel.state == "paused" and len(panel.runs) == 1
    panel.resume()
    until(lambda: panel.state == "done")
    assert steps(panel) == 40
    panel.close()


def test_a_second_start_keeps_the_first_run(begin):
    panel = make(functools.partial(begin, seconds=0.01), "thread")
    panel.start()
    until(lambda: steps(panel) >= 3)
    panel.widgets["temperature"].value = 2
    panel.start()
    assert [run.state for run in panel.runs] == ["paused", "running"]
    assert [curve.label for curve in panel.curves] == [
        "run 1 (temperature 4)",
        "run 2 (temperature 2)",
    ]
    panel.stop()
    assert len(panel.figure.data) >= 4
    panel.close()


def test_at_most_six_runs_are_overlaid(begin, capsys):
    panel = make(functools.partial(begin, steps=4, seconds=0), "blocking")
    for _ in range(8):
        panel.start()
    assert len(panel.curves) == 6 and panel.curves[-1].label.startswith("run 8")
    panel.close()


@pytest.mark.parametrize("driver", ["blocking", "thread", "tick"])
def test_a_failure_shows_in_the_panel_and_in_result(begin, driver):
    panel = make(functools.partial(begin, fail=3), driver)
    panel.start()
    while driver == "tick" and panel.state == "running":
        panel.widgets["play"].value += 1
    until(lambda: panel.state == "failed")
    assert "Stopped after step 2: FloatingPointError" in panel.line.value
    assert "Usual causes" in panel.line.value
    with pytest.raises(FloatingPointError, match="'kd' is nan"):
        panel.result()
    panel.widgets["start"].click()
    assert len(panel.runs) == 2
    panel.close()


def test_a_mistake_in_the_setup_is_raised_by_start_and_shown_by_the_button(begin):
    def broken(control):
        raise ValueError("epochs must be an integer of at least 1, got 0")

    panel = make(broken, "thread")
    with pytest.raises(ValueError, match="epochs"):
        panel.start()
    panel.widgets["start"].click()
    assert "Not started: ValueError: epochs" in panel.line.value and panel.state == "ready"
    panel.close()


def test_rerunning_the_cell_pauses_the_old_run(begin, alive):
    first = make(functools.partial(begin, seconds=0.01), "thread")
    count = alive()
    first.start()
    until(lambda: steps(first) >= 2)
    second = make(begin, "thread")
    assert first.closed and first.run.state == "paused" and not second.closed
    assert alive() == count
    second.close()


def test_starting_one_panel_pauses_another(begin):
    slow = functools.partial(begin, seconds=0.01)
    ticking, threaded = make(slow, "tick", "ticking"), make(slow, "thread", "threaded")
    ticking.start()
    threaded.start()
    assert ticking.state == "paused" and threaded.state == "running"
    ticking.resume()
    assert ticking.state == "running" and threaded.state == "paused"
    ticking.close()
    threaded.close()


def test_an_unknown_driver_lists_the_choices(begin):
    with pytest.raises(ValueError, match=r"blocking, thread, tick.*Did you mean 'thread'"):
        make(begin, "threads")


def test_the_panel_takes_at_most_5_percent_of_the_time(begin, monkeypatch):
    panel = make(functools.partial(begin, steps=400, seconds=0.005), "thread")
    spent, draw = [], panel._draw

    def timed(*arguments):
        before = time.thread_time()
        draw(*arguments)
        spent.append(time.thread_time() - before)

    monkeypatch.setattr(panel, "_draw", timed)
    began = time.monotonic()
    panel.start()
    until(lambda: panel.state == "done")
    assert len(spent) >= 5
    assert sum(spent) < 0.05 * (time.monotonic() - began)
    panel.close()


def test_a_recorded_band_lies_behind_the_curves(begin):
    recorded = {"epoch": [1, 2], "mean": [0.2, 0.4], "std": [0.1, 0.1]}
    panel = make(begin, "blocking", reference={"accuracy": recorded, "label": "5 seeds"})
    low = next(trace for trace in panel.figure.data if trace.fill == "tonexty")
    mean = next(trace for trace in panel.figure.data if (trace.name or "").startswith("5 seeds"))
    assert np.allclose(low.y, [0.1, 0.3]) and np.allclose(mean.y, [0.2, 0.4])
    panel.close()


def test_decimation_keeps_the_spikes():
    y = np.zeros(20_000, np.float32)
    y[7_777], y[12_345] = 5, -5
    x, kept = decimate(np.arange(20_000), y)
    assert len(kept) <= 1000 and kept.max() == 5 and kept.min() == -5
    assert (np.diff(x) > 0).all() and kept.dtype == np.float32


def test_a_figure_of_a_long_run_has_at_most_1000_points_a_trace():
    curve = Curve("run 1")
    curve.add(Start(5000, 10))
    for step in range(1, 5001):
        curve.add(Step(step, step / 500, {"kd": 1 / step}, 0.01))
    curve.add(Evaluation(5000, 10.0, {"accuracy": 0.5}))
    figure = training([curve])
    assert max(len(trace.y) for trace in figure.data) <= 1000
    assert figure.layout.meta["caption"].startswith(
        "run 1: after 10.0 of 10 epochs, loss: kd 0.000"
    )


def test_the_moves_of_one_drag_are_one_mark():
    curve = Curve("run 1", epochs=10)
    curve.add(Step(1, 1.0, {"kd": 1.0}, 0.01))
    for old, new in ((4.0, 5.0), (5.0, 6.0), (6.0, 7.0)):
        curve.add(KnobChange(1, "temperature", old, new))
    curve.add(Step(2, 5.0, {"kd": 1.0}, 0.01))
    curve.add(KnobChange(2, "temperature", 7.0, 4.0))
    assert [(at, c.old, c.new) for at, c in curve.changes] == [(1.0, 4.0, 7.0), (5.0, 7.0, 4.0)]
    assert curve.name == "run 1, then temperature 4"
    assert "run 1, then temperature 4" in training([curve]).data[0].name


def test_an_earlier_run_keeps_its_marks():
    first, second = Curve("run 1", epochs=10), Curve("run 2", epochs=10)
    for curve in (first, second):
        curve.add(Step(1, 1.0, {"kd": 1.0}, 0.01))
    first.add(KnobChange(1, "temperature", 4.0, 8.0))
    figure = training([first, second])
    assert [line.x0 for line in figure.layout.shapes] == [1.0, 1.0]  # in both panels
    assert not any("→" in (note.text or "") for note in figure.layout.annotations)
