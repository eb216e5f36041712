"""The panel's promises in numbers: within one step, no thread and no memory left behind."""

import gc
import threading
import time

import pytest

from labkit.training import KnobChange, Step
from tests.widgets.panels import Measurable, make, steps, until


@pytest.fixture
def slow_panel():
    """A training of 60 ms a step that has just begun."""
    panel = make(Measurable(steps=100, seconds=0.06), "thread")
    panel.start()
    until(lambda: steps(panel) >= 2)
    yield panel
    panel.close()


def test_stopping_takes_effect_within_one_step(slow_panel):
    for _ in range(5):
        taken, began = steps(slow_panel), time.monotonic()
        slow_panel.stop()
        assert steps(slow_panel) - taken <= 1 and slow_panel.state == "paused"
        assert time.monotonic() - began < 2  # a step, and what a busy machine adds
        slow_panel.resume()
        until(lambda: steps(slow_panel) > taken + 1)  # noqa: B023


def test_a_knob_takes_effect_within_one_step(slow_panel):
    for value in (8.0, 2.0, 16.0):
        taken = steps(slow_panel)
        slow_panel.widgets["temperature"].value = value
        until(lambda: slow_panel.control.knobs == {"temperature": value})  # noqa: B023
        change = [event for event in slow_panel.run.log if isinstance(event, KnobChange)][-1]
        assert change.new == value and change.step - taken <= 1
        until(lambda: steps(slow_panel) > taken + 1)  # noqa: B023


def test_a_knob_move_comes_between_two_steps(slow_panel):
    slow_panel.widgets["temperature"].value = 8.0
    until(lambda: slow_panel.curves[-1].changes)
    slow_panel.stop()
    log = slow_panel.run.log
    (at,) = [i for i, event in enumerate(log) if isinstance(event, KnobChange)]
    until(lambda: slow_panel.run.advance(steps=1) or True)
    before, after = log[at - 1], log[at + 1]
    assert isinstance(before, Step) and isinstance(after, Step)
    assert log[at].step == before.step == after.step - 1


@pytest.mark.slow
def test_500_starts_and_stops_leave_no_thread_and_no_memory():
    psutil = pytest.importorskip("psutil")
    panel = make(Measurable(steps=40, seconds=0.0005), "thread")

    def rounds(count):
        for _ in range(count):
            panel.start()
            panel.stop()
        gc.collect()
        return threading.active_count(), psutil.Process().memory_info().rss

    threads, memory = rounds(50)
    threads_after, memory_after = rounds(500)
    assert threads_after == threads
    assert memory_after < 1.05 * memory
    assert len(panel.runs) == len(panel.curves) == 6
    assert panel.curves[-1].label == "run 550"
    panel.close()
