"""Whole training loops in turn: the benchmarks' own, ours, and ours without data."""

import math
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from labkit import data, models
from labkit.training.bench import finish, seconds_of, train_step
from labkit.training.bench_plain import PlainLoop, loader
from labkit.training.device import pick_precision
from labkit.training.events import Evaluation, Event, Step
from labkit.training.fit import fit
from labkit.training.machine import cores
from labkit.training.methods import cross_entropy

LOOPS = ("convnet", "resnet8", "resnet20", "resnet8x4", "vgg8", "wrn_16_1")
BATCH = 64
STEPS = {"cpu": 24, "cuda": 400}  # of a round: seconds on both
Way = Callable[[], float]  # trains for a round, gives its seconds


def loops(
    name: str, *, rounds: int, device: torch.device, steps: int | None = None
) -> dict[str, Any]:
    """Images/s of three ways to train network `name`, in turn; medians over `rounds` of `steps`.

    plain: the loop of `bench_plain`, fp32, with the number of workers that serves it best
    ours: `fit` as a lab calls it, its evaluation left out
    bare: forward, backward and optimiser step in our precision on one batch that never changes
    ratio = ours / plain; share_of_bare = ours / bare: what data and bookkeeping leave.
    """
    steps = steps or STEPS.get(device.type, STEPS["cpu"])
    dataset = data.load("motif100", train=BATCH * steps, val=100, test=100, progress=False)
    precision = pick_precision(models.build(name, dataset.classes), device)
    plain = {count: _plain(name, dataset, count, device) for count in worker_counts()}
    others = {
        "ours": _ours(name, dataset, rounds + 1, device),
        "bare": _bare(name, dataset, precision, device),
    }
    seconds = _in_turn({**plain, **others}, rounds)
    middle = {way: statistics.median(times) for way, times in seconds.items()}
    workers = min(plain, key=middle.__getitem__)
    chosen = {"plain": workers, "ours": "ours", "bare": "bare"}
    rates = {
        f"{way}_images_per_second": round(BATCH * steps / middle[key])
        for way, key in chosen.items()
    }
    return {
        "precision": precision,
        "workers": workers,
        **rates,
        "ratio": _ratio(seconds[workers], seconds["ours"]),
        "share_of_bare": _ratio(seconds["bare"], seconds["ours"]),
    }


def worker_counts() -> list[int]:
    """How many worker processes the plain loop tries: two, and one for each core."""
    return sorted({2, max(1, math.floor(cores()))})


def _in_turn(ways: dict[Any, Way], rounds: int) -> dict[Any, list[float]]:
    """Seconds of each way and round; one more round goes first and warms up."""
    seconds: dict[Any, list[float]] = {way: [] for way in ways}
    for _ in range(rounds + 1):
        for way, run in ways.items():
            seconds[way].append(run())
    return {way: times[1:] for way, times in seconds.items()}


def _ratio(theirs: list[float], ours: list[float]) -> float:
    """How many times faster ours is: the median over rounds."""
    return round(statistics.median(t / o for t, o in zip(theirs, ours, strict=True)), 2)


def _plain(name: str, dataset: data.Dataset, workers: int, device: torch.device) -> Way:
    batches = loader(dataset, batch_size=BATCH, workers=workers)
    loop = PlainLoop(models.build(name, dataset.classes), batches, device)

    def work() -> None:
        loop.epoch()
        finish(device)

    return lambda: seconds_of(work)


def _ours(name: str, dataset: data.Dataset, epochs: int, device: torch.device) -> Way:
    events = fit(
        models.build(name, dataset.classes),
        cross_entropy,
        dataset,
        epochs=epochs,
        batch_size=BATCH,
        learning_rate=0.05,
        device=device,
    )
    return lambda: _epoch(events)


def _epoch(events: Iterator[Event]) -> float:
    """Seconds to the epoch's last step; the evaluation after it is gone through as well."""
    before = time.perf_counter()
    for event in events:
        if isinstance(event, Step):
            seconds = time.perf_counter() - before
        elif isinstance(event, Evaluation):
            break
    return seconds


def _bare(name: str, dataset: data.Dataset, precision: str, device: torch.device) -> Way:
    model = models.build(name, dataset.classes)
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    batch = next(data.batches(dataset, batch_size=BATCH, order=None, augment=None, device=device))
    step = train_step(model, batch.images, precision, wait=False)

    def work() -> None:
        for _ in range(len(dataset.train) // BATCH):
            step()
        finish(device)

    return lambda: seconds_of(work)
