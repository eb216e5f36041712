"""What every test shares: one torch thread, no network, unhurried hypothesis, the root."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: two workers with two threads collapse
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a forgotten download fails at once
os.environ["LABKIT_PROGRESS"] = "off"  # no test is a learner, nor is a kernel that one starts

import pytest
from hypothesis import settings

settings.register_profile("labkit", deadline=None, derandomize=True)
settings.load_profile("labkit")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository root."""
    return Path(__file__).parents[1]
