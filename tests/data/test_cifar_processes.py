"""CIFAR fetched by processes that are killed or come at the same time."""

import json
import subprocess
import sys
import time

import pytest

from labkit.data import cifar_sources, load
from tests.data.mirror import serving
from tests.data.tiny_cifar import SIZES, put_hub


@pytest.fixture
def mirror(monkeypatch, tmp_path):
    monkeypatch.setattr(cifar_sources, "SIZES", SIZES)
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "cache"))
    with serving(monkeypatch) as server:
        yield server


SCRIPT = f"""
from labkit.data import cifar_sources, load
cifar_sources.SIZES = {json.dumps(SIZES)}
print(len(load("cifar10", source="hub", progress=False).test))
"""


def started(folder, size):
    """Another process that loads CIFAR-10, once it has brought `size` bytes."""
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE)
    until = time.monotonic() + 60
    while not any(part.stat().st_size > size for part in folder.glob("*.part")):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    return process


@pytest.mark.slow
def test_killed_halfway_then_two_processes_at_once(mirror, tmp_path):
    pages = put_hub(mirror, tmp_path, "cifar10")
    train = next(iter(pages.values()))
    train.rate = 400e3  # of 1.3 MB
    folder = tmp_path / "cache" / "downloads" / "cifar10"
    process = started(folder, 200e3)
    process.kill()
    process.wait()
    [part] = folder.glob("*.part")
    had = part.stat().st_size
    assert had < len(train.content)
    mirror.log.clear()
    process = started(folder, had)
    assert (
        len(load("cifar10", source="hub", progress=False).test) == 100
    )  # waits for the other process
    assert process.communicate(timeout=60)[0] == b"100\n"
    brought = [(path.split("/")[-1][:5], asked) for _, path, asked in mirror.log if "/cdn" in path]
    assert brought == [("train", f"bytes={had}-"), ("test-", "")]
    assert not folder.exists()
