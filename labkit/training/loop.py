"""One optimiser step, what guards it, and everything a resumed run must know."""

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.data import Batch, Dataset, batches
from labkit.evaluation import accuracy, predict
from labkit.models import Features
from labkit.training.device import autocast
from labkit.training.method import Method, Teacher
from labkit.training.recipes import SCHEDULES, optimiser_of
from labkit.training.replay import Replay

DIVERGED = 1e6  # no loss in this course is larger while anything is learnt


Evaluate = Callable[[nn.Module, Dataset, str], dict[str, float]]


def classified(model: nn.Module, dataset: Dataset, split: str) -> dict[str, float]:
    """Accuracy 0..1 and cross-entropy in nats over a split."""
    logits, labels = predict(model, dataset, split), dataset.split(split).labels.cpu()
    return {
        "accuracy": accuracy(logits, labels),
        "loss": F.cross_entropy(logits, labels).item(),
    }


class Loop:
    """The networks, the method and the optimiser of one run."""

    def __init__(
        self,
        model: nn.Module,
        method: Method,
        teacher: Teacher | None,
        *,
        device: torch.device,
        precision: str,
        learning_rate: float,
        weight_decay: float,
        optimiser: str = "nesterov",
        schedule: str = "warmup-cosine",
        evaluate: "Evaluate | None" = None,
    ) -> None:
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.method, self.teacher = method, teacher
        self.device, self.precision, self.learning_rate = device, precision, learning_rate
        self.schedule = SCHEDULES[schedule]
        self._evaluate = evaluate or classified
        self.progress = 0.0
        trained = list(model.parameters())
        if isinstance(method, nn.Module):
            trained += list(method.to(device).parameters())
        if isinstance(teacher, nn.Module):
            self.teacher = teacher.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.parameters = [p for p in trained if p.requires_grad]
        self.optimiser = optimiser_of(optimiser, self.parameters, learning_rate, weight_decay)

    def step(self, batch: Batch, progress: float, knobs: Mapping[str, float]) -> dict[str, float]:
        """One gradient step; FloatingPointError before it would spoil a parameter."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate * self.schedule(progress)
        self._mode(training=True)
        with torch.enable_grad():
            self.progress = progress
            terms = self.terms(batch, knobs)
            self.optimiser.zero_grad(set_to_none=True)
            _total(terms).backward()
        slopes = []
        for p in self.parameters:
            if p.grad is None:  # a weight of 0; the fused optimiser takes no newcomers later on
                p.grad = torch.zeros_like(p)
            slopes.append(p.grad)
        length = torch.nn.utils.get_total_norm(slopes)
        *values, size = torch.stack(
            [*(t.detach().float() for t in terms.values()), length]
        ).tolist()
        found = dict(zip(terms, values, strict=True))
        if not (math.isfinite(size) and all(abs(value) <= DIVERGED for value in values)):
            raise FloatingPointError(self._blame(found, batch, knobs))
        self.optimiser.step()
        return found

    def terms(
        self, batch: Batch, knobs: Mapping[str, float], taught: Features | None = None
    ) -> dict[str, Tensor]:
        """The method's terms, scalars in float32; the teacher sees the student's own crops.

        Grad mode and autocast belong to a thread, so both are set here and not by the caller.
        """
        teacher = taught or self.ask(batch)
        with autocast(self.device, self.precision):
            student = self.model(_pictures(batch))
        told = {**knobs, "progress": self.progress}
        terms = self.method(_float(student), teacher, batch, told)
        return {name: term.reshape(()) for name, term in terms.items()}

    @torch.no_grad()
    def ask(self, batch: Batch) -> Features | None:
        """What the teacher says of the batch; None where there is none."""
        if self.teacher is None:
            return None
        with autocast(self.device, self.precision):
            return _float(self.teacher(_pictures(batch)))

    @torch.no_grad()
    def prepare(self, dataset: Dataset) -> None:
        """Show every training picture to a method that asks to see them before the first step."""
        wish = getattr(self.method, "prepare", None)
        if wish is None:
            return
        self._mode(training=False)
        guide = self.teacher.teacher if isinstance(self.teacher, Replay) else self.teacher
        for batch in batches(dataset, batch_size=500, order=None, augment=None, device=self.device):
            with autocast(self.device, self.precision):
                student = _float(self.model(batch.images))
                teacher = None if guide is None else _float(guide(batch.images))
            wish(student, teacher, batch)
        self._mode(training=True)

    @torch.no_grad()
    def measure(
        self, batch: Batch, knobs: Mapping[str, float], taught: Features | None
    ) -> dict[str, float]:
        """The terms on `batch` in eval mode under any knobs; nothing of the run changes.

        The method's noise is the same at every call, so that only what is measured moves.
        """
        self._mode(training=False)
        own = getattr(self.method, "generator", None)
        if own is not None:
            self.method.generator = torch.Generator().manual_seed(0)  # type: ignore[attr-defined]
        try:
            return {name: term.item() for name, term in self.terms(batch, knobs, taught).items()}
        finally:
            if own is not None:
                self.method.generator = own  # type: ignore[attr-defined]
            self._mode(training=True)

    def evaluate(self, dataset: Dataset, split: str) -> dict[str, float]:
        """The run's own numbers over a split."""
        return self._evaluate(self.model, dataset, split)

    def state(self) -> dict[str, Any]:
        """Weights, optimiser and method, memory banks included: a copy."""
        stateful = (self.model, self.optimiser, self.method)
        states = [part.state_dict() if hasattr(part, "state_dict") else {} for part in stateful]
        return copy.deepcopy(dict(zip(("model", "optimiser", "method"), states, strict=True)))

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up a `state`."""
        self.model.load_state_dict(state["model"])
        # load_state_dict keeps what it is given, and training would then change it
        self.optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        if hasattr(self.method, "load_state_dict"):
            self.method.load_state_dict(state["method"])

    def _mode(self, *, training: bool) -> None:
        for part in (self.model, self.method):
            if isinstance(part, nn.Module):
                part.train(training)

    def _blame(self, values: Mapping[str, float], batch: Batch, knobs: Mapping[str, float]) -> str:
        """Which term it was: by its value, or where all are finite by its gradient."""
        for name, value in values.items():
            if not abs(value) <= DIVERGED:
                return f"the term {name!r} is {value:g}"
        for name in values:
            with torch.enable_grad():
                self.optimiser.zero_grad(set_to_none=True)
                self.terms(batch, knobs)[name].backward()
            if not all(p.grad.isfinite().all() for p in self.parameters if p.grad is not None):
                return (
                    f"the gradient of the term {name!r} is not finite, its value {values[name]:g}"
                )
        return "the gradient of the terms together is not finite"


def _pictures(batch: Batch) -> Tensor:
    """[B, 3, 32, 32], or [2B, ...] with the second views after the first."""
    return batch.images if batch.second is None else torch.cat([batch.images, batch.second])


def _total(terms: Mapping[str, Tensor]) -> Tensor:
    return torch.stack([term.float() for term in terms.values()]).sum()


def _float(features: Features) -> Features:
    """Losses are computed in float32 whatever the network ran in."""
    maps, pooled, logits = features
    return Features(maps, pooled.float(), logits.float())
