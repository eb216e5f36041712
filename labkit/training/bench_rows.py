"""What each row of a sweep's spec adds to a step: milliseconds and memory, for every pair."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from labkit import data
from labkit.training.bench_methods import (
    BATCH,
    answer,
    in_turn,
    loss_pass,
    placed,
    student_pass,
    teacher_pass,
)
from labkit.training.device import pick_precision
from labkit.training.distill import features
from labkit.training.method import Method, Setting
from labkit.training.records import versions
from labkit.training.registry import entry, make
from labkit.training.sweep import expand
from labkit.training.workers import EXTRA


def rows(
    spec: Mapping[str, Any], *, rounds: int = 7, device: torch.device | str = "cpu"
) -> dict[str, Any]:
    """Costs of every row of a sweep's spec at batch 64, timed in turn; for each pair by label.

    ms: what the row adds to a step on labels alone, in each round: its terms beyond the labels',
        forward and backward as far as the student's features, and the teacher's forward pass
    mib: what the method keeps from its forward pass for the backward one, with its own parameters,
        their gradients, and its banks
    step_ms: the student's own forward and backward pass, the median
    Raises ValueError for a row that has several values for a knob.
    """
    place = torch.device(device)
    dataset = data.load(**{**spec["data"], "val": 100, "test": 100}, progress=False)
    of_pair: dict[str, dict[str, Any]] = {}
    for run in expand({**spec, "data": spec["data"]}):
        networks = {"student": spec.get("student"), "teacher": spec.get("teacher"), **run}
        pair = networks.get("pair", f"{networks['teacher']}-{networks['student']}")
        others = of_pair.setdefault(pair, {})
        if others.get(run["label"], run) | {"seed": 0} != run | {"seed": 0}:
            raise ValueError(f"the row {run['label']!r} has several values: give each its own row")
        others[run["label"]] = run | networks
    return {
        "versions": versions(place),
        "pairs": {pair: _pair(found, dataset, rounds, place) for pair, found in of_pair.items()},
    }


def _pair(
    runs: Mapping[str, Any], dataset: data.Dataset, rounds: int, device: torch.device
) -> dict[str, Any]:
    names = next(iter(runs.values()))
    learner, guide = (placed(names[n], dataset, device) for n in ("student", "teacher"))
    batch = next(data.batches(dataset, batch_size=BATCH, order=None, augment=None, device=device))
    precision = pick_precision(learner, device)
    answers = answer(learner, batch, precision), answer(guide.eval(), batch, precision)
    setting = Setting(features(learner), features(guide), dataset)
    parts: dict[str, Callable[[], Any]] = {"the student": student_pass(learner, batch, precision)}
    parts["the teacher"] = teacher_pass(guide, batch, precision)
    labels = make("cross-entropy", setting)
    parts["the labels"] = loss_pass(labels, *answers, batch, {}, device)
    mib, heard = {}, {}
    for label, run in runs.items():
        usual, method = entry(run["method"]), make(run["method"], setting)
        knobs = {k: float(run.get(k, v)) for k, v in usual.knobs.items()}
        knobs |= {k: float(run[k]) for k in EXTRA if k in run}
        parts[label] = loss_pass(method, *answers, batch, knobs, device)
        mib[label] = round(_kept(method, parts[label]), 2)
        heard[label] = usual.asks != "nothing"
    times = in_turn(parts, rounds, device)
    added = {label: _added(times, label, heard[label]) for label in runs}
    step = statistics.median(times["the student"])
    return {"step_ms": round(step, 2), "ms": added, "mib": mib}


def _added(times: Mapping[str, list[float]], label: str, heard: bool) -> list[float]:
    """A row's milliseconds beyond the labels', round by round."""
    three = zip(times[label], times["the labels"], times["the teacher"], strict=True)
    return [round(mine - bare + (teacher if heard else 0), 2) for mine, bare, teacher in three]


def _kept(method: Method, work: Callable[[], Any]) -> float:
    """MiB that stand between the forward and the backward pass of `work`, each storage once."""
    seen: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        work()
    if isinstance(method, nn.Module):
        for p in method.parameters():
            seen[p.data_ptr()] = (1 + p.requires_grad) * p.nbytes
        seen |= {b.data_ptr(): b.nbytes for b in method.buffers()}
    return sum(seen.values()) / 2**20
