"""The training loop, written once: a generator that yields an event after every step."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from labkit.data import Batch, Dataset, batches
from labkit.data.augment import known
from labkit.errors import positive, unknown, whole
from labkit.training import checkpoints
from labkit.training.device import pick_precision
from labkit.training.events import Checkpoint, Control, Done, Evaluation, Event, Start, Step
from labkit.training.loop import Evaluate, Loop, classified
from labkit.training.method import Method, Teacher
from labkit.training.recipes import OPTIMISERS, SCHEDULES
from labkit.training.records import versions

USUAL = {"augment": "crop-flip", "optimiser": "nesterov", "schedule": "warmup-cosine", "views": 1}


def seed_of(seed: int, name: str) -> int:
    """The seed of a named stream: what one stream draws never shifts another."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:7], "big")


def streams(seed: int) -> dict[str, torch.Generator]:
    """Named random generators: with one seed, all methods see the same batches and crops.

    "order" shuffles, "augment" crops and flips, "method" is for the method's own noise.
    """
    names = ("order", "augment", "method")
    return {name: torch.Generator().manual_seed(seed_of(seed, name)) for name in names}


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
    views: int = 1,
    optimiser: str = "nesterov",
    schedule: str = "warmup-cosine",
    checkpoint: Path | str | None = None,
    checkpoint_seconds: float = 30.0,
    evaluate: Evaluate = classified,
    config: Mapping[str, Any] | None = None,
) -> Iterator[Event]:
    """Train `model` by `method`, one event after each step: Start, Step ..., Evaluation, Done.

    `method(student, teacher, batch, knobs)` returns named terms; the loss is their sum. If it is
    an nn.Module its parameters are trained too. The teacher sees the student's own crops.
    With `views=2` both networks see 2B pictures, a second augmentation after the first.
    `augment` is a recipe of `labkit.data.augment`, `optimiser` and `schedule` are of
    `labkit.training.recipes`; the record has those that are not the default.
    `evaluate(model, dataset, split)` gives the numbers that tell how good the model is; after each
    epoch of the validation split, at the end of the test split. Accuracy and loss unless given.
    `checkpoint` names a folder: the state is kept there every `checkpoint_seconds` and after each
    epoch, and a run that was cut off goes on from it, on a CPU bit for bit.
    Raises ValueError for bad arguments and for another run's checkpoint, FloatingPointError when
    a term is no longer finite or above a million; the model is then as it was when last evaluated.
    """
    positive("learning_rate", learning_rate)
    whole("epochs", epochs)
    whole("batch_size", batch_size)
    known(augment, "augment")
    for name, value, choices in (
        ("optimiser", optimiser, OPTIMISERS),
        ("schedule", schedule, SCHEDULES),
    ):
        if value not in choices:
            raise unknown(name, value, choices)
    special = {"augment": augment, "optimiser": optimiser, "schedule": schedule, "views": views}
    settings = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "seed": seed,
        **{name: value for name, value in special.items() if value != USUAL[name]},
        **({"data": dict(dataset.arguments)} if dataset.arguments else {}),
        **(config or {}),
    }
    device = torch.device(device)
    loop = Loop(
        model,
        method,
        teacher,
        device=device,
        precision=pick_precision(model, device, precision),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        optimiser=optimiser,
        schedule=schedule,
        evaluate=evaluate,
    )
    folder = None if checkpoint is None else Path(checkpoint).expanduser()
    run = _Run(loop, dataset.to(device), settings, control or Control(), folder)
    return run.events(augment, views, checkpoint_seconds)


@dataclass
class _Run:
    """A run and how far it is; all that a checkpoint holds stands here or in the loop."""

    loop: Loop
    dataset: Dataset
    settings: dict[str, Any]
    control: Control
    folder: Path | None
    streams: dict[str, torch.Generator] = field(init=False)
    step: int = 0
    seconds: float = 0.0
    curve: list[dict[str, Any]] = field(default_factory=list)
    moved: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings["knobs"] = self.control.knobs
        self.streams = streams(self.settings["seed"])
        if hasattr(self.loop.method, "generator"):
            self.loop.method.generator = self.streams["method"]
        self.size, self.epochs = self.settings["batch_size"], self.settings["epochs"]
        self.per_epoch = max(1, len(self.dataset.train) // self.size)
        self.steps = self.per_epoch * self.epochs
        self.began = self.saved = time.monotonic()

    def events(self, recipe: str, views: int, every: float) -> Iterator[Event]:
        saved = None if self.folder is None else checkpoints.newest(self.folder)
        if saved is not None:
            self._load(saved)
        if not self.step:
            self.loop.prepare(self.dataset)
        good = self.loop.state()
        fixed = self._fixed(recipe, views)
        taught = self.loop.ask(fixed)  # once: the teacher does not change
        yield Start(
            self.steps,
            self.epochs,
            dict(self.settings),
            self.step,
            lambda knobs: self.loop.measure(fixed, knobs, taught),
        )
        for point in self.curve:  # of a run that goes on
            metrics = {k: v for k, v in point.items() if k not in ("epoch", "terms")}
            yield Evaluation(point["epoch"] * self.per_epoch, float(point["epoch"]), metrics)
        while self.step < self.steps:
            epoch = self.step // self.per_epoch + 1
            self.started = {name: g.get_state() for name, g in self.streams.items()}
            try:
                yield from self._epoch(epoch, recipe, views, every)
            except FloatingPointError as error:
                self.loop.load(good)
                where = f"with step {self.step + 1} (epoch {self.step / self.per_epoch:.1f})"
                raise FloatingPointError(_explain(error, where, self.control, self.curve)) from None
            good = self.loop.state()
            yield from self._checkpoint()
        yield Done(self.step, self._record())

    def _epoch(self, epoch: int, recipe: str, views: int, every: float) -> Iterator[Event]:
        source = batches(
            self.dataset,
            batch_size=self.size,
            order=self.streams["order"],
            augment=self.streams["augment"],
            recipe=recipe,
            views=views,
            epoch=epoch,
            device=self.loop.device,
        )
        done = self.step % self.per_epoch  # after a resume: batches are drawn again, not used
        for batch in islice(source, done, None):
            for change in self.control.apply(self.step):
                self.moved.append({"step": self.step, "name": change.name, "new": change.new})
                yield change
            before = time.perf_counter()
            terms = self.loop.step(batch, self.step / self.steps, self.control.knobs)
            self.step += 1
            yield Step(self.step, self.step / self.per_epoch, terms, time.perf_counter() - before)
            if time.monotonic() - self.saved > every and self.step % self.per_epoch:
                yield from self._checkpoint()
        metrics = self.loop.evaluate(self.dataset, "val")
        self.curve.append({"epoch": epoch, **metrics, "terms": terms})
        yield Evaluation(self.step, float(epoch), metrics)

    def _checkpoint(self) -> Iterator[Event]:
        """Write the state if a folder was named; a full disk is an event, not the end."""
        if self.folder is None:
            return
        path, problem = None, ""
        try:
            path = checkpoints.save(self.folder, self.step, self._state())
        except OSError as error:
            problem = str(error)
        self.saved = time.monotonic()
        yield Checkpoint(self.step, path, problem)

    def _state(self) -> dict[str, Any]:
        now = {name: generator.get_state() for name, generator in self.streams.items()}
        if self.step % self.per_epoch:  # the epoch's batches will be drawn again from its start
            now |= {name: self.started[name] for name in ("order", "augment")}
        return self.loop.state() | {
            "streams": now,
            "identity": self._identity(),
            "knobs": self.control.knobs,
            "step": self.step,
            "seconds": self.seconds + time.monotonic() - self.began,
            "curve": self.curve,
            "moved": self.moved,
        }

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a run to go on with a checkpoint."""
        shapes = {name: list(value.shape) for name, value in self.loop.model.state_dict().items()}
        method = self.loop.method
        return self.settings | {
            "precision": self.loop.precision,
            "method": getattr(method, "__name__", type(method).__name__),
            "pictures": self.dataset.digest,
            "network": hashlib.sha256(str(shapes).encode()).hexdigest()[:12],
        }

    def _load(self, state: Mapping[str, Any]) -> None:
        assert self.folder is not None
        checkpoints.check_same(self._identity(), state["identity"], self.folder)
        self.loop.load(state)
        for name, generator in self.streams.items():
            generator.set_state(state["streams"][name])
        self.step, self.seconds = state["step"], state["seconds"]
        self.curve, self.moved = list(state["curve"]), list(state["moved"])
        self.control.resume(state["knobs"], self.step)

    def _fixed(self, recipe: str, views: int) -> Batch:
        """The first pictures, always the same: what `Start.measure` measures on."""
        augment = None if views == 1 else torch.Generator().manual_seed(0)
        source = batches(
            self.dataset,
            batch_size=self.size,
            order=None,
            augment=augment,
            recipe=recipe,
            views=views,
            device=self.loop.device,
        )
        return next(source)

    def _record(self) -> dict[str, Any]:
        val = {k: v for k, v in self.curve[-1].items() if k not in ("epoch", "loss", "terms")}
        test = self.loop.evaluate(self.dataset, "test")
        result = {f"val_{k}": v for k, v in val.items()} | {f"test_{k}": v for k, v in test.items()}
        return {
            "config": self.settings,
            "data": self.dataset.name,
            "precision": self.loop.precision,
            "versions": versions(self.loop.device),
            "seconds": round(self.seconds + time.monotonic() - self.began, 1),
            "knob_changes": self.moved,
            "curve": self.curve,
            "result": result,
        }


def _explain(
    error: FloatingPointError, where: str, control: Control, curve: list[dict[str, Any]]
) -> str:
    back = f"after epoch {curve[-1]['epoch']}" if curve else "before the first step"
    return (
        f"{error}: the training stopped {where}; the networks are back as they were {back}. "
        "Usual causes: the learning rate is too high, a temperature is too small, or a logarithm "
        f"met a zero. Knobs: {control.knobs}"
    )
