"""Speed, time left and memory in words."""

import pytest

from labkit.widgets import pace
from labkit.widgets.pace import Pace


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is set."""
    now = [100.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    return now


def test_speed_is_that_of_the_last_steps_and_time_left_that_of_all(clock):
    going = Pace(batch=64, steps=1000)
    for step in range(1, 101):  # 10 steps a second, then 20
        clock[0] += 0.1 if step <= 50 else 0.05
        going.add(step)
    assert going.rate == pytest.approx(20)
    assert going.left == pytest.approx(900 / (99 / (49 * 0.1 + 50 * 0.05)))
    assert going.parts()[0] == "1,280 images/s" and going.parts()[1].endswith(" s left")


def test_before_the_second_step_only_memory_is_known(clock):
    going = Pace(steps=10)
    assert going.parts() == pace.memory() and going.left == float("inf")
    going.add(1)
    assert going.parts() == pace.memory() and going.left == float("inf")


def test_a_pause_is_not_counted(clock):
    going = Pace(steps=10)
    for step in (1, 2):
        clock[0] += 1
        going.add(step)
    going.rest()
    clock[0] += 1000
    for step in (3, 4):
        clock[0] += 1
        going.add(step)
    assert going.rate == pytest.approx(1) and going.left == pytest.approx(6)
    assert going.parts()[0] == "1.0 steps/s"


def test_memory_is_the_process_s_own():
    psutil = pytest.importorskip("psutil")
    (text,) = [part for part in pace.memory() if part.startswith("memory")]
    here = psutil.Process().memory_info().rss / 1e9
    assert float(text.split()[1]) == pytest.approx(here, abs=0.1)
