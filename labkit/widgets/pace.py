"""How fast a training goes, how long it will take, and how much memory the kernel holds."""

import collections
import importlib
import time
from functools import lru_cache
from typing import Any

WINDOW = 50  # steps over which the speed is taken


class Pace:
    """Fed with steps by number; `parts` says speed, time left and memory in words."""

    def __init__(self, batch: float = 0.0, steps: int = 0) -> None:
        self.batch, self.steps = batch, steps
        self._recent: collections.deque[tuple[float, int]] = collections.deque(maxlen=WINDOW)
        self._first: tuple[float, int] | None = None

    def add(self, step: int) -> None:
        """A step was finished now."""
        now = (time.monotonic(), step)
        self._first = self._first or now
        self._recent.append(now)

    def rest(self) -> None:
        """The training pauses: what follows is timed afresh."""
        self._recent.clear()
        self._first = None

    @property
    def rate(self) -> float:
        """Steps a second over the last ones; 0 before the second step."""
        return _rate(self._recent[0], self._recent[-1]) if len(self._recent) > 1 else 0.0

    @property
    def left(self) -> float:
        """Seconds to the end at the pace since the start or the last pause, evaluations included.

        Infinite before the second step.
        """
        if self._first is None or not (rate := _rate(self._first, self._recent[-1])):
            return float("inf")
        return (self.steps - self._recent[-1][1]) / rate

    def parts(self) -> list[str]:
        """Speed and time left, as far as they are known, and memory."""
        if not self.rate:
            return memory()
        images = self.rate * self.batch
        speed = f"{images:,.0f} images/s" if images else f"{self.rate:,.1f} steps/s"
        return [speed, f"{self.left:,.0f} s left", *memory()]


def _rate(first: tuple[float, int], last: tuple[float, int]) -> float:
    return (last[1] - first[1]) / max(last[0] - first[0], 1e-9)


def memory() -> list[str]:
    """What the kernel's process holds, and the most its GPU has held: where it can be asked."""
    parts = []
    if (process := _process()) is not None:
        parts.append(f"memory {process.memory_info().rss / 1e9:.2f} GB")
    import torch

    if torch.cuda.is_initialized():
        parts.append(f"GPU at most {torch.cuda.max_memory_allocated() / 1e9:.2f} GB")
    return parts


@lru_cache(maxsize=1)
def _process() -> Any:
    """psutil's view of this process; None where psutil is missing (ipykernel brings it)."""
    try:
        return importlib.import_module("psutil").Process()
    except ImportError:
        return None
