"""Critics trained to estimate mutual information, step by step, while the truth climbs a stair.

The recipe of the published demonstrations (Poole et al. 2019, Song & Ermon 2020): fresh batches
of correlated Gaussians, Adam, and a true information of 2, 4, 6, 8, 10 nats in turn.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from labkit.data import gaussians
from labkit.errors import positive, whole
from labkit.models import SeparableCritic
from labkit.training.events import Control, Done, Evaluation, Event, Start, Step
from labkit.training.records import summary, versions

Bound = Callable[[Tensor], Tensor]  # scores [B, B] -> nats, a scalar
Sampler = Callable[[float, torch.Generator], tuple[Tensor, Tensor]]  # nats -> x, y [B, ...]
STAGES = (2.0, 4.0, 6.0, 8.0, 10.0)  # nats


def estimate(
    objective: Bound,
    readouts: Mapping[str, Bound] | None = None,
    *,
    critic: nn.Module | None = None,
    sample: Sampler | None = None,
    stages: Sequence[float] = STAGES,
    steps: int = 4000,
    batch_size: int = 64,
    dim: int = 20,
    cubed: bool = False,
    learning_rate: float = 5e-4,
    seed: int = 0,
    control: Control | None = None,
) -> Iterator[Event]:
    """Train a critic to maximise `objective` of its scores, `steps` steps at every stage.

    Events: Start, Step ..., an Evaluation after each stage, Done. A stage counts as an epoch.
    A Step's terms are the `readouts` of its batch, taken before the step, and "truth", all in
    nats; without `readouts` the objective is read, as "estimate". An Evaluation has the means
    over the stage's last quarter, and Done's record has under "result" those means and their
    standard deviations over batches: readout -> "mean", "std" -> a list, one value a stage.
    `critic(x, y)` gives scores [B, B]; unless given it is separable, drawn from `seed`.
    `sample(nats, generator)` gives the pairs; unless given, `gaussians.correlated` does, with
    batch_size, dim and cubed. `control` holds the knobs that objective, readouts and sample look
    at; what is asked of it comes in between two steps, and the record has it.
    With one seed, every objective meets the same critic and the same pairs.
    Raises ValueError for bad arguments, FloatingPointError when the objective is not finite.
    """
    settings: dict[str, Any] = {
        "stages": [float(information) for information in stages],
        "steps": whole("steps", steps),
        "batch_size": whole("batch_size", batch_size, minimum=2),
        "dim": dim,
        "cubed": cubed,
        "learning_rate": positive("learning_rate", learning_rate),
        "seed": whole("seed", seed, minimum=0),
    }
    control = control or Control()
    if control.knobs:
        settings["knobs"] = dict(control.knobs)
    if sample is not None:
        del settings["batch_size"], settings["cubed"]  # its own matter
    if not settings["stages"]:
        raise ValueError("stages must have at least one information in nats, got none")
    if sample is None:
        for information in settings["stages"]:
            gaussians.rho_of(information, dim)  # a bad one is told now, not at its stage

    def gaussian(nats: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return gaussians.correlated(batch_size, dim, nats, cubed=cubed, generator=generator)

    network = _critic(dim, seed) if critic is None else critic
    named = dict(readouts or {"estimate": objective})
    trainer = _Trainer(network, objective, named, settings["learning_rate"])
    return _events(trainer, sample or gaussian, settings, control)


class _Trainer:
    """One step of Adam on the critic, and what the batch's scores read."""

    def __init__(
        self, critic: nn.Module, objective: Bound, readouts: dict[str, Bound], rate: float
    ) -> None:
        self.critic, self.objective, self.readouts = critic, objective, readouts
        self.optimiser = torch.optim.Adam(critic.parameters(), rate, fused=True)
        self.device = next(critic.parameters()).device

    def step(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """Grad mode is thread-local, so it is set here."""
        with torch.enable_grad():
            scores = self.critic(x.to(self.device), y.to(self.device))  # [B, B]
            value = self.objective(scores)
            loss = -value
        if not math.isfinite(value.item()):
            raise FloatingPointError(
                f"the objective is {value.item()}, its largest score {scores.max().item():.4g}. "
                "Usual causes: the learning rate is too high, a temperature too small, or an "
                "exponential of the scores outgrew its precision (nwj and dv do)."
            )
        with torch.no_grad():
            seen = scores.detach()
            nats = {
                name: (value if read is self.objective else read(seen)).item()
                for name, read in self.readouts.items()
            }
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return nats


def _events(
    trainer: _Trainer, sample: Sampler, settings: dict[str, Any], control: Control
) -> Iterator[Event]:
    stages, steps, began = settings["stages"], settings["steps"], time.time()
    generator = _stream(settings["seed"])
    tables: list[dict[str, dict[str, float]]] = []  # a stage: readout -> mean, std
    moved: list[dict[str, Any]] = []
    step = 0
    yield Start(len(stages) * steps, len(stages), dict(settings))
    for number, information in enumerate(stages, 1):
        last: dict[str, list[float]] = {name: [] for name in trainer.readouts}
        for turn in range(1, steps + 1):
            for change in control.apply(step):
                moved.append({"step": step, "name": change.name, "new": change.new})
                yield change
            before = time.perf_counter()
            nats = trainer.step(*sample(information, generator))
            step += 1
            if 4 * turn > 3 * steps:
                for name, values in last.items():
                    values.append(nats[name])
            seconds = time.perf_counter() - before
            yield Step(step, step / steps, {**nats, "truth": information}, seconds)
        tables.append({name: summary(values) for name, values in last.items()})
        means = {name: spread["mean"] for name, spread in tables[-1].items()}
        yield Evaluation(step, float(number), {**means, "truth": information})
    result = {
        name: {key: [table[name][key] for table in tables] for key in ("mean", "std")}
        for name in trainer.readouts
    }
    yield Done(
        step,
        {
            "config": settings,
            "versions": versions(trainer.device),
            "seconds": round(time.time() - began, 1),
            "knob_changes": moved,
            "result": result,
        },
    )


def _critic(dim: int, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SeparableCritic(dim, dim)


def _stream(seed: int) -> torch.Generator:
    """The pairs' own generator: the critic's initialisation does not shift it."""
    digest = hashlib.sha256(f"{seed}/pairs".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
