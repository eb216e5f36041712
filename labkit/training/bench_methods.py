"""What a distillation method adds to a training step, beside its two networks."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from labkit import data, models
from labkit.models import Features
from labkit.training.bench import finish, seconds_of
from labkit.training.device import autocast, pick_precision
from labkit.training.distill import features
from labkit.training.method import Method, Setting
from labkit.training.registry import METHODS, entry, make

BATCH = 64
REPEAT = {"cpu": 2, "cuda": 30}  # calls timed together: one alone is over too soon


def costs(
    methods: Iterable[str] | None = None,
    *,
    student: str = "resnet8",
    teacher: str = "resnet56",
    rounds: int,
    device: torch.device,
) -> dict[str, Any]:
    """Milliseconds of each part of a step at batch 64; medians over `rounds`, taken in turn.

    student_ms: the student's forward and backward pass; teacher_ms: the teacher's forward pass
    methods, for each name: loss_ms, the method's terms with their backward pass as far as the
    student's features; share = loss / (student + teacher + loss), 0..1, with the teacher only
    where the method asks it something. Methods start at the knobs they usually have.
    The networks are untrained: their speed does not depend on what they know.
    """
    dataset = data.load("motif100", train=BATCH, val=100, test=100, progress=False)
    batch = next(data.batches(dataset, batch_size=BATCH, order=None, augment=None, device=device))
    learner, guide = placed(student, dataset, device), placed(teacher, dataset, device).eval()
    setting = Setting(features(learner), features(guide), dataset)
    names = list(METHODS) if methods is None else list(methods)
    made = {name: make(name, setting) for name in names}
    precision = pick_precision(learner, device)
    parts = {"the student": student_pass(learner, batch, precision)}
    parts |= {"the teacher": teacher_pass(guide, batch, precision)}
    answers = answer(learner, batch, precision), answer(guide, batch, precision)
    parts |= {n: loss_pass(m, *answers, batch, entry(n).knobs, device) for n, m in made.items()}
    ms = {name: statistics.median(each) for name, each in in_turn(parts, rounds, device).items()}
    both = ms.pop("the student"), ms.pop("the teacher")
    return {
        "student": student,
        "teacher": teacher,
        "precision": precision,
        "student_ms": round(both[0], 2),
        "teacher_ms": round(both[1], 2),
        "methods": {name: _row(name, ms[name], *both) for name in names},
    }


def _row(name: str, loss: float, student: float, teacher: float) -> dict[str, float]:
    networks = student + (0 if entry(name).asks == "nothing" else teacher)
    return {"loss_ms": round(loss, 2), "share": round(loss / (networks + loss), 3)}


def placed(name: str, dataset: data.Dataset, device: torch.device) -> nn.Module:
    network = models.build(name, dataset.classes)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def student_pass(network: nn.Module, batch: data.Batch, precision: str) -> Callable[[], Any]:
    def work() -> None:
        with autocast(batch.images.device, precision):
            logits = network(batch.images).logits.float()
        network.zero_grad(set_to_none=True)
        logits.backward(torch.ones_like(logits))  # any gradient takes the same time

    return work


@torch.no_grad()
def answer(network: nn.Module, batch: data.Batch, precision: str) -> Features:
    """As `fit` hands it to a method: maps in the network's precision, the rest in float32."""
    with autocast(batch.images.device, precision):
        maps, pooled, logits = network(batch.images)
    return Features(maps, pooled.float(), logits.float())


def teacher_pass(network: nn.Module, batch: data.Batch, precision: str) -> Callable[[], Any]:
    return lambda: answer(network, batch, precision)


def loss_pass(
    method: Method,
    student: Features,
    teacher: Features,
    batch: data.Batch,
    knobs: Mapping[str, float],
    device: torch.device,
) -> Callable[[], Any]:
    """The terms on fixed features, and their gradients for these and for the method's own parts."""
    own = list(method.to(device).parameters()) if isinstance(method, nn.Module) else []
    maps = tuple(m.detach().requires_grad_() for m in student.maps)
    leaves = Features(maps, *(t.detach().requires_grad_() for t in student[1:]))
    taught = [*leaves.maps, leaves.pooled, leaves.logits, *own]

    def work() -> None:
        for tensor in taught:
            tensor.grad = None
        terms = method(leaves, teacher, batch, knobs)
        torch.stack([term.reshape(()).float() for term in terms.values()]).sum().backward()

    return work


def in_turn(
    parts: Mapping[str, Callable[[], Any]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Milliseconds of one call of each part in every round; one more goes first and warms up."""
    repeat = REPEAT.get(device.type, 1)
    times: dict[str, list[float]] = {name: [] for name in parts}

    def several(part: Callable[[], Any]) -> None:
        for _ in range(repeat):
            part()
        finish(device)

    for _ in range(rounds + 1):
        for name, part in parts.items():
            times[name].append(seconds_of(lambda: several(part)) / repeat * 1000)  # noqa: B023
    return {name: values[1:] for name, values in times.items()}
