"""Speed, measured in one run on one machine: what ours costs beside the plain way."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit import data, models
from labkit.training.device import autocast, pick_device, pick_precision
from labkit.training.records import versions

NETWORKS = ("convnet", "resnet8", "resnet20", "resnet8x4")


def bench(*, rounds: int = 5, images: int = 2000) -> dict[str, Any]:
    """How fast this machine trains, ours beside the plain way; medians over `rounds`, in turn.

    render_ms_per_image, import_seconds: drawing Motif-100, and what importing labkit adds to torch
    train_step: steps on one batch of 128 already in place, fp32 and channels first against ours
    train_loop: whole loops, data included (`bench_loop.loops`)
    method_cost: what each distillation method adds to a step (`bench_methods.costs`)
    """
    from labkit.training.bench_loop import LOOPS, loops  # these import this module
    from labkit.training.bench_methods import costs

    device = pick_device()
    say("drawing, importing")
    result: dict[str, Any] = {
        "versions": versions(device),
        "render_ms_per_image": _render(rounds, images),
        "import_seconds": _imports(rounds),
        "train_step": {},
        "train_loop": {},
    }
    for name in NETWORKS:
        say(f"{name}: a training step, plain and ours in turn")
        result["train_step"][name] = _steps(name, rounds, device)
    for name in LOOPS:
        say(f"{name}: a whole training loop, plain and ours in turn")
        result["train_loop"][name] = loops(name, rounds=rounds, device=device)
    say("the methods' losses")
    return result | {"method_cost": costs(rounds=4 * rounds, device=device)}


def _render(rounds: int, images: int) -> float:
    data.motif.render(200)
    return round(
        statistics.median(seconds_of(lambda: data.motif.render(images)) for _ in range(rounds))
        / images
        * 1000,
        4,
    )


def _imports(rounds: int) -> dict[str, float]:
    """Seconds of a fresh interpreter: torch alone, then what labkit and its rooms add."""
    lines = {
        "torch": "import torch",
        "labkit": "import torch, labkit",
        "rooms": "import torch; from labkit import data, evaluation, losses, models, training",
    }

    def once(line: str) -> float:
        return seconds_of(lambda: subprocess.run([sys.executable, "-c", line], check=True))

    times = {name: [once(line) for _ in range(rounds)] for name, line in lines.items()}
    middle = {name: statistics.median(values) for name, values in times.items()}
    base = middle.pop("torch")
    return {"torch": round(base, 2)} | {k: round(v - base, 2) for k, v in middle.items()}


def _steps(name: str, rounds: int, device: torch.device) -> dict[str, Any]:
    """Images/s of the plain loop (fp32, NCHW) and of ours, alternating, batch 128."""
    plain, ours = models.build(name, 100).to(device), models.build(name, 100).to(device)
    ours = ours.to(memory_format=torch.channels_last)
    precision = pick_precision(ours, device)
    pictures = torch.randn(128, 3, 32, 32, device=device)
    last = pictures.contiguous(memory_format=torch.channels_last)
    steps = {
        "plain": train_step(plain, pictures, "fp32"),
        "ours": train_step(ours, last, precision),
    }
    rates: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(4 * rounds + 1):  # the first round warms up
        for kind, step in steps.items():
            rates[kind].append(128 / seconds_of(step))
    middle = {kind: statistics.median(values[1:]) for kind, values in rates.items()}
    ratios = [o / p for o, p in zip(rates["ours"][1:], rates["plain"][1:], strict=True)]
    rounded = {f"{kind}_images_per_second": round(value) for kind, value in middle.items()}
    return {"precision": precision, **rounded, "ratio": round(statistics.median(ratios), 2)}


def train_step(
    model: nn.Module, images: Tensor, precision: str, *, wait: bool = True
) -> Callable[[], None]:
    """A step on always the same batch; `wait` reads the loss, so that a GPU has finished."""
    labels = torch.arange(len(images), device=images.device) % 100
    optimiser = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True)

    def step() -> None:
        with autocast(images.device, precision):
            logits = model(images).logits
        loss = F.cross_entropy(logits.float(), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if wait:
            loss.item()

    return step


def finish(device: torch.device) -> None:
    """A GPU works behind the program's back: what is timed must be done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def say(what: str) -> None:
    """Progress, on stderr: stdout is for results."""
    print(f"{what} ...", file=sys.stderr, flush=True)


def seconds_of(work: Callable[[], Any]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before
