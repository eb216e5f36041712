"""The training panel, headless: by value, by click, by each driver."""

import functools
import time

import numpy as np
import pytest

from labkit.training import Checkpoint, Done, Start, Step
from tests.widgets.panels import make, steps, until


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
    assert [curve.title for curve in panel.curves] == [
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


def test_a_checkpoint_that_could_not_be_written_is_told_and_the_run_goes_on():
    problems = ["no space left on device", ""]

    def begin(control):
        yield Start(2, 1)
        for step, problem in enumerate(problems, 1):
            yield Step(step, step / 2, {"ce": 1.0}, 0.1)
            yield Checkpoint(step, None, problem)
        yield Done(2, {"steps": 2})

    panel = make(begin, "thread")
    panel.step()
    panel.run.advance(steps=1)
    panel.stop()
    assert "Not saved: no space left on device" in panel.line.value
    panel.resume()
    until(lambda: "<b>done</b>" in panel.line.value)
    assert "Not saved" not in panel.line.value  # the next one could
    panel.close()


def test_a_resumed_run_counts_from_where_it_was():
    def begin(control):
        yield Start(10, 5, {}, at=6)
        yield Step(7, 3.5, {"ce": 1.0}, 0.1)
        yield Done(7, {"steps": 7})

    panel = make(begin, "blocking")
    panel.start()
    assert "step 7 of 10" in panel.line.value and "after 3.5 of 5 epochs" in panel.caption
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
    assert len(spent) >= 2
    assert sum(spent) < 0.05 * (time.monotonic() - began)
    panel.close()


def test_a_recorded_band_lies_behind_the_curves(begin):
    recorded = {"epoch": [1, 2], "mean": [0.2, 0.4], "std": [0.1, 0.1]}
    panel = make(begin, "blocking", reference={"accuracy": recorded, "label": "5 seeds"})
    low = next(trace for trace in panel.figure.data if trace.fill == "tonexty")
    mean = next(trace for trace in panel.figure.data if (trace.name or "").startswith("5 seeds"))
    assert np.allclose(low.y, [0.1, 0.3]) and np.allclose(mean.y, [0.2, 0.4])
    panel.close()


def test_a_run_outside_the_band_is_told_with_likely_causes(begin):
    recorded = {"epoch": [1, 4], "mean": [0.25, 0.5], "std": [0.01, 0.01]}
    settings = {"temperature": 8, "batch_size": 64, "test_accuracy": {"n": 5}}
    panel = make(begin, "blocking", reference={"accuracy": recorded, "run": settings})
    panel.start()
    assert "Outside the band of 5 recorded runs at epoch 4 (100.0% vs 50.0% ± 1.0%)" in (
        panel.line.value
    )
    assert "temperature is 4, recorded 8; another seed" in panel.line.value
    assert "+50.0 points" in panel.table.value
    panel.close()


def test_runs_are_compared_in_a_table(begin):
    panel = make(functools.partial(begin, steps=4, seconds=0), "blocking")
    assert panel.table.value == ""
    panel.start()
    panel.widgets["temperature"].value = 8
    panel.start()
    assert panel.table.value.count("<tr>") == 3
    assert panel.table.value.count("one seed: no conclusion") == 2
    assert "temperature 8" in panel.table.value and "+0.0 points" in panel.table.value
    panel.close()


def test_speed_time_left_and_memory_are_shown_while_it_runs(begin):
    pytest.importorskip("psutil")
    panel = make(functools.partial(begin, steps=4000, seconds=0.01), "thread")
    panel.start()
    until(lambda: "images/s" in panel.line.value)
    assert "s left" in panel.line.value and "memory" in panel.line.value
    panel.stop()
    assert "images/s" not in panel.line.value
    panel.close()


def test_every_button_and_knob_has_a_name_and_buttons_say_what_they_do(begin):
    panel = make(begin, "thread")
    for name in ("start", "stop", "resume", "step", "export"):
        assert panel.widgets[name].description and len(panel.widgets[name].tooltip) > 10
    assert panel.widgets["temperature"].description
    panel.close()
