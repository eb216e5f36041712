"""The progress line: silent when it is quick, one line when it is slow, words that are right."""

import itertools

import pytest

from labkit.data import progress
from labkit.data.progress import Progress, duration


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def run(clock, line: Progress, steps: int, each: int, seconds: float) -> None:
    with line:
        for _ in range(steps):
            clock[0] += seconds
            line.update(each)


def test_quick_or_unwanted_is_silent(clock, capsys):
    run(clock, Progress(100, "images", "reading"), 10, 10, 0.19)
    run(clock, Progress(100, "images", "reading", show=False), 10, 10, 5)
    assert capsys.readouterr() == ("", "")


def test_one_line_written_over_and_ended(clock, capsys):
    line = Progress(4000, "images", "reading")
    line.live = True
    run(clock, line, 4, 1000, 1.0)
    out, err = capsys.readouterr()
    shown = out.split("\r")[1:]
    assert err == "" and out.count("\n") == 1 and out.endswith("\n")
    assert shown[0] == "reading: 2,000 of 4,000 images, 1,000 images/s, 2 s left"
    assert shown[1] == "reading: 3,000 of 4,000 images, 1,000 images/s, 1 s left"
    assert shown[-1].strip() == "reading: 4,000 images in 4 s"
    assert all(len(b) >= len(a.rstrip()) for a, b in itertools.pairwise(shown))


def test_a_log_gets_few_whole_lines(clock, capsys):
    line = Progress(100, "images", "reading")
    line.live = False
    run(clock, line, 100, 1, 0.5)
    lines = capsys.readouterr().out.splitlines()
    assert [text.split(",")[0] for text in lines] == [
        "reading: 4 of 100 images", "reading: 34 of 100 images", "reading: 64 of 100 images",
        "reading: 94 of 100 images", "reading: 100 images in 50 s",
    ]  # fmt: skip


def test_bytes_are_megabytes_and_what_was_there_is_not_in_the_rate(clock, capsys):
    line = Progress(170_000_000, "bytes", "cifar10", done=70_000_000)
    line.live = False
    run(clock, line, 1, 10_000_000, 10)
    assert capsys.readouterr().out.startswith("cifar10: 80.0 of 170.0 MB, 1.0 MB/s, 2 min left\n")


def test_an_unknown_sum(clock, capsys):
    line = Progress(None, "bytes", "file")
    line.live = False
    run(clock, line, 1, 30_000_000, 10)
    assert capsys.readouterr().out.startswith("file: 30.0 MB, 3.0 MB/s\n")


def test_an_error_leaves_the_line_as_it_stood(clock, capsys):
    line = Progress(10, "images", "reading")
    line.live = True
    with pytest.raises(KeyboardInterrupt), line:
        clock[0] += 5
        line.update(5)
        raise KeyboardInterrupt
    assert capsys.readouterr().out == "\rreading: 5 of 10 images, 1 images/s, 5 s left\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-3, "0 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (3600, "60 min"),
        (5700, "1 h 35 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
