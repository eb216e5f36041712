"""The training loop, written once: a generator that yields an event after every step."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.data import Batch, Dataset, batches
from labkit.data.augment import known
from labkit.errors import positive
from labkit.evaluation import accuracy, predict
from labkit.models import Features
from labkit.training.device import autocast, pick_precision
from labkit.training.events import Control, Done, Evaluation, Event, Start, Step
from labkit.training.methods import Method
from labkit.training.records import versions

Teacher = Callable[[Tensor], Features]


def streams(seed: int) -> dict[str, torch.Generator]:
    """Named random generators: with one seed, all methods see the same batches and crops.

    "order" shuffles, "augment" crops and flips, "method" is for the method's own noise: what
    one of them draws never shifts another.
    """
    named = {}
    for name in ("order", "augment", "method"):
        digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        named[name] = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return named


def fit(
    model: nn.Module,
    method: Method,
    dataset: Dataset,
    *,
    teacher: Teacher | None = None,
    epochs: int,
    batch_size: int = 64,
    learning_rate: float = 0.1,
    weight_decay: float = 5e-4,
    seed: int = 0,
    control: Control | None = None,
    device: torch.device | str = "cpu",
    precision: str = "auto",
    augment: str = "crop-flip",
    config: Mapping[str, Any] | None = None,
) -> Iterator[Event]:
    """Train `model` by `method`, one event after each step: Start, Step ..., Evaluation, Done.

    `method(student, teacher, batch, knobs)` returns named terms; the loss is their sum. If it is
    an nn.Module its parameters are trained too. The teacher sees the student's own crops.
    SGD, Nesterov momentum 0.9; the rate climbs for a tenth of the steps, then falls as a cosine.
    `augment` names a recipe of `labkit.data.augment`; the record has it if it is not the default.
    Raises ValueError for bad arguments, FloatingPointError when a term is no longer finite.
    """
    positive("learning_rate", learning_rate)
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
    settings = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "seed": seed,
        **({} if known(augment, "augment") == "crop-flip" else {"augment": augment}),
        **(config or {}),
    }
    device = torch.device(device)
    precision = pick_precision(model, device, precision)
    loop = _Loop(model, method, teacher, device, precision, learning_rate, weight_decay)
    return _events(loop, dataset.to(device), settings, control or Control(), augment)


class _Loop:
    """One optimiser step and its schedule; holds nothing a resumed run would miss."""

    def __init__(
        self,
        model: nn.Module,
        method: Method,
        teacher: Teacher | None,
        device: torch.device,
        precision: str,
        learning_rate: float,
        weight_decay: float,
    ) -> None:
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.method, self.teacher = method, teacher
        self.device, self.precision, self.learning_rate = device, precision, learning_rate
        trained = list(model.parameters())
        if isinstance(method, nn.Module):
            trained += list(method.to(device).parameters())
        if isinstance(teacher, nn.Module):
            self.teacher = teacher.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.optimiser = torch.optim.SGD(
            trained, learning_rate, momentum=0.9, weight_decay=weight_decay, nesterov=True
        )

    def step(self, batch: Batch, progress: float, knobs: Mapping[str, float]) -> dict[str, float]:
        """One gradient step; grad mode and autocast are thread-local, so both are set here."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate * schedule(progress)
        self.model.train()
        with torch.no_grad(), autocast(self.device, self.precision):
            teacher = None if self.teacher is None else _float(self.teacher(batch.images))
        with torch.enable_grad():
            with autocast(self.device, self.precision):
                student = self.model(batch.images)
            terms = self.method(_float(student), teacher, batch, knobs)
            loss = torch.stack([term.reshape(()) for term in terms.values()]).sum()
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
        values = {name: term.item() for name, term in terms.items()}
        for name, value in values.items():
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"the term {name!r} is {value}. Usual causes: the learning rate is too high, "
                    f"a temperature is too small, or a logarithm met a zero. Knobs: {dict(knobs)}"
                )
        self.optimiser.step()
        return values

    def evaluate(self, dataset: Dataset, split: str) -> dict[str, float]:
        logits = predict(self.model, dataset, split)
        labels = dataset.split(split).labels.cpu()
        return {
            "accuracy": accuracy(logits, labels),
            "loss": F.cross_entropy(logits, labels).item(),
        }


def _events(
    loop: _Loop, dataset: Dataset, settings: dict[str, Any], control: Control, recipe: str
) -> Iterator[Event]:
    named = streams(settings["seed"])
    if hasattr(loop.method, "generator"):
        loop.method.generator = named["method"]
    size, epochs = settings["batch_size"], settings["epochs"]
    per_epoch = max(1, len(dataset.train) // size)
    steps, began, curve, moved, step = per_epoch * epochs, time.time(), [], [], 0
    settings["knobs"] = control.knobs
    yield Start(steps, epochs, dict(settings))
    for epoch in range(1, epochs + 1):
        for batch in batches(
            dataset,
            batch_size=size,
            order=named["order"],
            augment=named["augment"],
            recipe=recipe,
            epoch=epoch,
            device=loop.device,
        ):
            for change in control.apply(step):
                moved.append({"step": step, "name": change.name, "new": change.new})
                yield change
            before = time.perf_counter()
            terms = loop.step(batch, step / steps, control.knobs)
            step += 1
            yield Step(step, step / per_epoch, terms, time.perf_counter() - before)
        metrics = loop.evaluate(dataset, "val")
        curve.append({"epoch": epoch, **metrics, "terms": terms})
        yield Evaluation(step, float(epoch), metrics)
    test = loop.evaluate(dataset, "test")
    result = {
        "val_accuracy": metrics["accuracy"],
        "test_accuracy": test["accuracy"],
        "test_loss": test["loss"],
    }
    yield Done(
        step,
        {
            "config": settings,
            "data": dataset.name,
            "precision": loop.precision,
            "versions": versions(loop.device),
            "seconds": round(time.time() - began, 1),
            "knob_changes": moved,
            "curve": curve,
            "result": result,
        },
    )


def schedule(progress: float) -> float:
    """The share of the peak rate at `progress` 0..1: a tenth of warm-up, then half a cosine."""
    if progress < 0.1:
        return 0.01 + 0.99 * progress / 0.1
    return 0.5 * (1 + math.cos(math.pi * (progress - 0.1) / 0.9))


def _float(features: Features) -> Features:
    """Losses are computed in float32 whatever the network ran in."""
    maps, pooled, logits = features
    return Features(maps, pooled.float(), logits.float())
