"""Recipes as data: how long, how fast, with which optimiser; the published ones and our short ones.

`fit(model, method, dataset, **RECIPES["repdistiller"].settings("resnet20"))` follows one. What a
recipe reaches stands in the records it names; nobody here has run the published ones to the end.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from labkit.errors import unknown


def warmup_cosine(progress: float) -> float:
    """A tenth of linear warm-up from 0.01, then half a cosine down to 0."""
    if progress < 0.1:
        return 0.01 + 0.99 * progress / 0.1
    return cosine((progress - 0.1) / 0.9)


def cosine(progress: float) -> float:
    """Half a cosine from 1 down to 0."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def steps(progress: float) -> float:
    """A tenth of the rate from each of 150/240, 180/240 and 210/240 of the run on."""
    return 0.1 ** sum(progress * 240 >= drop for drop in (150, 180, 210))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "warmup-cosine": warmup_cosine,
    "cosine": cosine,
    "steps": steps,
}
OPTIMISERS = ("nesterov", "sgd", "adamw")
LIGHT = ("mobilenet_v2", "shufflenet_v1", "shufflenet_v2")  # trained at 0.01 by the benchmarks
CONVNETS = ("convnet", "convnet_16", "convnet_8", "convnet_4")
RATES = {
    "linear": 0.003,
    "vit_small": 0.001,
    **dict.fromkeys(CONVNETS, 0.3),
    **dict.fromkeys(LIGHT, 0.01),
}


def rate(network: str) -> float:
    """The peak rate of the short recipes at batch 64: 0.1, except for the networks in `RATES`."""
    return RATES.get(network, 0.1)


def usual(network: str) -> dict[str, Any]:
    """What the short recipes set for that network: the rate, and AdamW for a transformer."""
    chosen: dict[str, Any] = {"learning_rate": rate(network)}
    return chosen | ({"optimiser": "adamw", "weight_decay": 0.05} if "vit" in network else {})


def optimiser_of(
    name: str, parameters: Iterable[nn.Parameter], rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """SGD with momentum 0.9, with ("nesterov") or without ("sgd") Nesterov's form, or AdamW."""
    if name not in OPTIMISERS:
        raise unknown("optimiser", name, OPTIMISERS)
    trained = list(parameters)
    fused = all(p.device.type in ("cpu", "cuda") for p in trained)  # one call for all parameters
    if name == "adamw":
        return torch.optim.AdamW(trained, rate, weight_decay=weight_decay, fused=fused)
    nesterov, decay = name == "nesterov", weight_decay
    return torch.optim.SGD(
        trained, rate, momentum=0.9, weight_decay=decay, nesterov=nesterov, fused=fused
    )


@dataclass(frozen=True)
class Recipe:
    """Settings of `fit`, where they come from, and the record of what they reached here."""

    epochs: int
    learning_rate: float
    source: str
    batch_size: int = 64
    weight_decay: float = 5e-4
    optimiser: str = "sgd"
    schedule: str = "steps"
    augment: str = "crop-flip"
    rates: Mapping[str, float] = field(default_factory=dict)  # networks with another rate
    record: str | None = None  # in data/reference: accuracy, n and spread, measured here

    def settings(self, network: str) -> dict[str, Any]:
        """The keyword arguments of `fit` for the network of that name."""
        plain = asdict(self)
        for name in ("source", "rates", "record"):
            del plain[name]
        plain["learning_rate"] = self.rates.get(network, self.learning_rate)
        return plain


_LIGHT_RATES = dict.fromkeys(LIGHT, 0.01)
RECIPES = {
    "bench": Recipe(
        12, 0.1, "ours: Motif-100, 10,000 pictures",
        optimiser="nesterov", schedule="warmup-cosine", rates=RATES, record="bench",
    ),
    "teacher": Recipe(
        14, 0.1, "ours: Motif-100, 20,000 pictures",
        optimiser="nesterov", schedule="warmup-cosine", rates=RATES, record="motif100",
    ),
    "cifar10-short": Recipe(
        4, 0.1, "ours: CIFAR-10, 45,000 pictures",
        optimiser="nesterov", schedule="warmup-cosine", rates=RATES, record="cifar10",
    ),
    "repdistiller": Recipe(
        240, 0.05, "Tian et al. (2020), RepDistiller; last epoch printed", rates=_LIGHT_RATES
    ),
    "mdistiller": Recipe(
        240, 0.05, "Zhao et al. (2022), mdistiller: as RepDistiller; best test epoch printed",
        rates=_LIGHT_RATES,
    ),
    "ckd": Recipe(
        480, 0.05, "CKD's code: twice as long, cosine; best test epoch printed",
        schedule="cosine", rates=_LIGHT_RATES,
    ),
}  # fmt: skip


def recipe(name: str) -> Recipe:
    """The recipe of that name; ValueError lists them."""
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return RECIPES[name]
