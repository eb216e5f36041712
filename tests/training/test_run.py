"""Runs: the three ways to drive a generator, pausing, failing, and one training at a time."""

import os
import signal
import threading
import time

import pytest

from labkit.training import Done, Run, Start, Step, pick_driver, run


def counting(steps=20, pause=0.0, fail_at=None):
    yield Start(steps, 1.0)
    for step in range(1, steps + 1):
        time.sleep(pause)
        if step == fail_at:
            raise FloatingPointError(f"nan at {step}")
        yield Step(step, step / steps, {"loss": 1 / step}, pause)
    yield Done(steps, {"steps": steps})


def steps_of(training):
    return [event.step for event in training.log if isinstance(event, Step)]


def test_blocking_runs_to_the_end():
    training = Run(counting()).start("blocking")
    assert (training.state, training.result()) == ("done", {"steps": 20})
    assert steps_of(training) == list(range(1, 21))


def test_advance_by_hand_then_to_the_end():
    training = Run(counting())
    assert [type(e) for e in training.advance(steps=3)] == [Start, Step, Step]
    assert training.state == "ready"
    training.advance()
    assert training.state == "done"
    assert training.advance() == []


def test_a_slice_keeps_its_time():
    training = Run(counting(steps=1000, pause=0.005))
    began = time.monotonic()
    taken = training.advance(seconds=0.08)
    assert 0.07 < time.monotonic() - began < 0.3
    assert 2 <= len(taken) <= 17


def test_thread_pauses_within_a_step_and_resumes_without_a_gap():
    training = Run(counting(steps=60, pause=0.01)).start("thread")
    time.sleep(0.1)
    training.pause()
    stopped = len(training.log)
    assert training.state == "paused"
    assert 1 < stopped < 60
    time.sleep(0.1)
    assert len(training.log) == stopped
    training.start("thread")
    deadline = time.monotonic() + 10
    while training.state != "done" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert steps_of(training) == list(range(1, 61))


def test_events_reach_the_listener_in_order():
    seen = []
    run(counting(), on_event=seen.append)
    assert [e.step for e in seen if isinstance(e, Step)] == list(range(1, 21))


@pytest.mark.parametrize("driver", ["blocking", "thread"])
def test_a_failure_is_kept_and_raised_by_result_only(driver):
    training = Run(counting(fail_at=5)).start(driver)
    deadline = time.monotonic() + 10
    while training.state == "running" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert training.state == "failed"
    assert steps_of(training) == [1, 2, 3, 4]
    with pytest.raises(FloatingPointError, match="nan at 5"):
        training.result()


def test_result_before_the_end_says_how_far_it_is():
    with pytest.raises(RuntimeError, match="ready, not done"):
        Run(counting()).result()


def test_a_second_training_pauses_the_first():
    first = Run(counting(steps=500, pause=0.01)).start("thread")
    second = Run(counting(steps=3)).start("thread")
    deadline = time.monotonic() + 5
    while first.state == "running" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert first.state == "paused"
    second.pause()
    before = len(first.log)
    first.start("thread")
    time.sleep(0.1)
    first.pause()
    assert len(first.log) > before


def test_interrupt_pauses_between_steps_and_loses_nothing(capsys):
    training = Run(counting(steps=100, pause=0.01), name="lesson")
    threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        training.start("blocking")
    assert training.state == "paused"
    assert "goes on from here" in capsys.readouterr().err
    training.start("blocking")
    assert steps_of(training) == list(range(1, 101))


def test_many_starts_leave_no_threads():
    training = Run(counting(steps=100_000))
    threads = threading.active_count()
    for _ in range(30):
        training.start("thread")
        training.pause()
    assert threading.active_count() == threads


def test_drivers_by_name(monkeypatch):
    assert pick_driver("tick") == "tick"
    assert pick_driver("auto") == "blocking"  # nobody watches a test
    with pytest.raises(ValueError, match="Did you mean 'thread'"):
        pick_driver("threads")
    with pytest.raises(ValueError, match="unknown driver"):
        Run(counting()).start("asyncio")
