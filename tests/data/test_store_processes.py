"""The local store among processes: two at once, one that is killed, a disk that really fills."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from labkit.data import store

pytestmark = pytest.mark.slow  # each starts a Python of its own
unix = pytest.mark.skipif(sys.platform == "win32", reason="neither SIGKILL nor limits there")
FACTS = {"version": 1, "seed": 3}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "store"))
    return tmp_path / "store"


def made_again() -> bool:
    calls = []
    zeros = {"a": torch.zeros(3)}
    stored = store.remember("x", FACTS, lambda: calls.append(1) or zeros)
    return len(calls) == 1 and torch.equal(stored.tensors["a"], zeros["a"])


PREAMBLE = """
import os, pathlib, sys, time, torch
from labkit.data import store
here = pathlib.Path(os.environ["LABKIT_DATA"])
here.mkdir(exist_ok=True)
"""


def start(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + code],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_two_processes_at_once_make_it_once(place):
    code = """
(here / f"{os.getpid()}.started").touch()

def make():
    with open(here / "made", "a") as file:
        file.write("once ")
    while len(list(here.glob("*.started"))) < 2:
        time.sleep(0.01)
    time.sleep(0.5)  # the other one stands at the lock now
    return {"a": torch.rand(1000)}

print(store.remember("x", {"version": 1}, make).digest)
"""
    both = [start(code) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len({out for out, _ in said}) == 1
    assert (place / "made").read_text() == "once "


def killed(code: str, place: Path, sign: str) -> None:
    """Run the code in another process and kill it as soon as a file like `sign` has appeared."""
    process = start(code)
    end = time.monotonic() + 60
    while not list(place.glob(sign)) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, process.communicate()


@unix
def test_killed_before_the_last_step(place):
    killed(
        """
os.fsync = lambda file: (here / "written").touch() or time.sleep(60)
store.remember("x", {"version": 1, "seed": 3}, lambda: {"a": torch.rand(1000)})
""",
        place,
        "written",
    )
    assert list(place.glob("*.safetensors")) == [] and len(list(place.glob("*.part*"))) == 1
    assert made_again()
    assert {file.suffix for file in place.iterdir()} == {".lock", ".safetensors", ""}


@unix
def test_killed_in_the_midst_of_writing(place):
    killed(
        """
store.remember("x", {"version": 1, "seed": 3}, lambda: {"a": torch.zeros(400_000_000)})
""",
        place,
        "[.x]*[!k]",  # anything but the lock
    )
    assert made_again()
    assert {file.suffix for file in place.iterdir()} == {".lock", ".safetensors"}


@unix
def test_a_disk_that_really_fills(place):
    process = start(
        """
import resource, warnings
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    stored = store.remember("x", {"version": 1}, lambda: {"a": torch.ones(1_000_000)})
print(int(stored.tensors["a"].sum()), *[line.message for line in said])
"""
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.startswith("1000000 x could not be kept in ")
    assert [file.suffix for file in place.iterdir()] == [".lock"]
