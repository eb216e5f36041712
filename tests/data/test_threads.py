import subprocess
import sys

import pytest
import torch

from labkit.data.threads import one_thread

RELEASE = """
import os, torch
from labkit.data.threads import release_workers
threads = lambda: len(os.listdir("/proc/self/task"))
torch.set_num_threads(2)
a = torch.ones(500, 500)
first = (a @ a).sum() + (a + a).sum()
with_workers = threads()
release_workers()
released = threads()
again = (a @ a).sum() + (a + a).sum()
print(with_workers - released, threads() - released, bool(first == again))
"""


def test_one_thread_is_taken_back():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_released_workers_end_and_come_back_when_needed():
    found = subprocess.run([sys.executable, "-c", RELEASE], capture_output=True, text=True)
    ended, returned, same = found.stdout.split()
    assert int(ended) >= 1, found.stderr
    assert int(returned) >= 1
    assert same == "True"
