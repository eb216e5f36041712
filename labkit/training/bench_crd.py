"""What CRD costs: ours beside the official formulation written out plainly, in one run.

python -m labkit.training.bench_crd plain    peak memory of one way, in a process of its own
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from labkit import losses
from labkit.training.bench import finish, say, seconds_of

SIZES = {"batch": 64, "negatives": 16384, "samples": 50_000, "dim": 128}
WIDTH = 64  # of both networks' features
TEMPERATURE = 0.07
STATUS = Path("/proc/self/status")  # Linux
WAYS = ("plain", "ours")


def crd(
    device: torch.device | str = "cpu", *, rounds: int = 5, sizes: dict[str, int] | None = None
) -> dict[str, Any]:
    """CRD forward and backward, and its draw, plain and ours in turn; medians over `rounds`.

    plain_ms, ours_ms: the loss with its gradients, indices given; ratio = plain / ours (median of
    the rounds' ratios)
    draw_plain_ms, draw_ours_ms: negatives of one batch, by numpy's choice for each picture as the
    official loader does in its workers, and by ours
    plain_mib, ours_mib: peak memory above what stands before banks and indices are made: on a CPU
    the process's own peak in a fresh process for each, on a GPU the allocator's
    largest_difference: of the two losses' values and gradients, relative; in float32 the plain
    way's logarithms of numbers near 1 round to some 1e-5 of the gradient
    """
    sizes, device = {**SIZES, **(sizes or {})}, torch.device(device)
    say("CRD: plain and ours in turn")
    banks = _Banks(sizes, device)
    ways = {"plain": banks.plain, "ours": banks.ours}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):  # the first round warms up
        for name, way in ways.items():
            times[name].append(seconds_of(lambda: banks.timed(way)) * 1000)  # noqa: B023
    ratios = [p / o for p, o in zip(times["plain"][1:], times["ours"][1:], strict=True)]
    return {
        **sizes,
        **{f"{way}_ms": round(statistics.median(values[1:]), 1) for way, values in times.items()},
        "ratio": round(statistics.median(ratios), 2),
        **_draws(banks, rounds, device),
        **_memory(sizes, device),
        "largest_difference": banks.difference(),
    }


class _Banks:
    """One batch, its negatives, and our module, whose banks and heads the plain way shares."""

    def __init__(self, sizes: dict[str, int], device: torch.device) -> None:
        torch.manual_seed(0)
        self.size, self.samples = sizes["batch"], sizes["samples"]
        self.module = losses.CRD(
            WIDTH,
            WIDTH,
            self.samples,
            negatives=sizes["negatives"],
            temperature=TEMPERATURE,
            dim=sizes["dim"],
        ).to(device)
        self.index = torch.arange(self.size, device=device)
        self.others = self.module.memory.draw(self.index, sizes["negatives"])
        self.student = torch.rand(self.size, WIDTH, device=device).requires_grad_()
        self.teacher = torch.rand(self.size, WIDTH, device=device)

    def ours(self) -> Tensor:
        loss = self.module(self.student, self.teacher, self.index, self.others)
        return self._gradient(loss)

    def plain(self) -> Tensor:
        """The official formulas: every row is fetched, [B, K + 1, D], and multiplied."""
        banks, columns = self.module.memory, torch.cat([self.index[:, None], self.others], 1)
        embeddings = self.module.embed(self.student, self.teacher, self.size)
        total = torch.zeros((), device=self.student.device)
        for e, bank in zip(embeddings, (banks.teacher, banks.student), strict=True):
            rows = bank.index_select(0, columns.flatten()).view(*columns.shape, -1)  # [B, K+1, D]
            scores = torch.bmm(rows, e[:, :, None])[:, :, 0].div(TEMPERATURE).exp()
            total = total + self._nce(scores / (scores.detach().mean() * self.samples))
        loss = self._gradient(total)
        banks.remember(self.index, *embeddings)
        return loss

    def timed(self, way: Callable[[], Tensor]) -> None:
        way()
        finish(self.student.device)

    def _nce(self, p: Tensor) -> Tensor:
        noise = (p.shape[1] - 1) / self.samples
        own = (p[:, 0] / (p[:, 0] + noise + 1e-7)).log()
        others = (noise / (p[:, 1:] + noise + 1e-7)).log()
        return -(own.sum() + others.sum()) / len(p)

    def _gradient(self, loss: Tensor) -> Tensor:
        self.student.grad = None
        self.module.zero_grad(set_to_none=True)
        loss.backward()
        return loss.detach()

    def difference(self) -> float:
        """How far both ways are apart on the same banks with Z of this batch; relative."""
        state = {name: value.clone() for name, value in self.module.state_dict().items()}
        found = []
        for way in (self.plain, self.ours):
            self.module.load_state_dict(state)
            self.module.log_z.fill_(torch.nan)
            value = way()
            assert self.student.grad is not None
            found.append((value, self.student.grad.clone()))
        (a, slope_a), (b, slope_b) = found
        gaps = (a - b).abs() / a.abs(), (slope_a - slope_b).norm() / slope_a.norm()
        return float(f"{max(gap.item() for gap in gaps):.1e}")


def _draws(banks: _Banks, rounds: int, device: torch.device) -> dict[str, float]:
    """Milliseconds to draw one batch's negatives."""
    negatives = banks.others.shape[1]
    pool, memory = np.arange(1, banks.samples), banks.module.memory

    def official() -> None:
        for _ in range(banks.size):
            np.random.choice(pool, negatives, replace=negatives > len(pool))

    def ours() -> None:
        memory.draw(banks.index, negatives)
        finish(device)

    ways: dict[str, Callable[[], None]] = {"plain": official, "ours": ours}
    return {
        f"draw_{name}_ms": round(statistics.median(_times(way, rounds)), 1)
        for name, way in ways.items()
    }


def _times(way: Callable[[], None], rounds: int) -> list[float]:
    way()
    return [seconds_of(way) * 1000 for _ in range(rounds)]


def _memory(sizes: dict[str, int], device: torch.device) -> dict[str, float]:
    """Peaks of both ways, and ours as a share of the plain one; nothing where it cannot be told."""
    if device.type != "cuda" and not (device.type == "cpu" and STATUS.exists()):
        return {}
    plain, ours = (_peak(way, sizes, device) for way in WAYS)
    share = round(ours / plain, 3)
    return {"plain_mib": round(plain), "ours_mib": round(ours), "memory_share": share}


def _peak(way: str, sizes: dict[str, int], device: torch.device) -> float:
    """MiB that one forward and backward pass needs at its peak, banks and indices included."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        before = torch.cuda.memory_allocated(device)
        banks = _Banks(sizes, device)
        torch.cuda.reset_peak_memory_stats(device)
        getattr(banks, way)()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    line = [sys.executable, "-m", "labkit.training.bench_crd", way, json.dumps(sizes)]
    ran = subprocess.run(line, check=True, capture_output=True, text=True)
    return float(ran.stdout)


def _highest() -> float:
    """The most memory this process has had, in MiB (getrusage's figure would be the parent's)."""
    lines = STATUS.read_text().splitlines()
    return next(int(x.split()[1]) for x in lines if x.startswith("VmHWM")) / 1024


def main(way: str, sizes: dict[str, int]) -> None:
    """Print the MiB by which this process's peak grows."""
    torch.mm(torch.ones(64, 64), torch.ones(64, 64)).exp().sum()  # what any first product loads
    F.softplus(torch.ones(1, requires_grad=True)).backward()
    before = _highest()
    getattr(_Banks(sizes, torch.device("cpu")), way)()
    print(_highest() - before)


if __name__ == "__main__":
    main(sys.argv[1], {**SIZES, **(json.loads(sys.argv[2]) if len(sys.argv) > 2 else {})})
