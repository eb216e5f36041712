"""MIMKD as a method: labels, its three terms by their own names, and KD if asked.

    mimkd    CE + weight_global L_global + weight_local L_local + weight_feature L_feature

[+ alpha T_kd^2 KL where the run has the knob alpha (`baselines.Taught`)]. Our reading of the paper,
weights too. The critics learn with the student, from the weighted terms: a term of weight 0 trains
no critic, and what that critic says then means nothing. `negatives` is cut to the others of the
batch, `temperature` is the critics' scale, 1 / temperature.
"""

from typing import Any

import torch
from torch import Generator, Tensor, nn

from labkit import losses
from labkit.data import Batch
from labkit.losses.mimkd import TERMS
from labkit.models import Features
from labkit.training.baselines import Taught
from labkit.training.method import Knobs, Setting, Terms

WEIGHTS = ("weight_global", "weight_local", "weight_feature")


class Shared(nn.Module):
    """The three terms of MIMKD, weighted [3]; knobs temperature, negatives and the weights."""

    def __init__(self, setting: Setting, **more: Any) -> None:
        super().__init__()
        self.mimkd = losses.MIMKD(setting.student, setting.taught(), **more)

    @property
    def generator(self) -> Generator | None:
        """The stream that draws the negatives."""
        return self.mimkd.generator

    @generator.setter
    def generator(self, stream: Generator) -> None:
        self.mimkd.generator = stream

    def forward(self, student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
        self.mimkd.temperature = knobs["temperature"]
        self.mimkd.negatives = round(knobs["negatives"])
        wanted = [name for name, w in zip(TERMS, WEIGHTS, strict=True) if knobs[w]]
        terms = self.mimkd(student, teacher, wanted)
        return torch.stack([knobs[w] * term for w, term in zip(WEIGHTS, terms, strict=True)])


class Information(Taught):
    """Labels + MIMKD's weighted terms, + alpha KD where the run has that knob.

    Other keywords are those of `losses.MIMKD` that are no knobs, e.g. direction="both"; a term
    that `terms` leaves out is 0. Raises ValueError without a teacher, and what the loss raises.
    """

    def __init__(self, setting: Setting, **more: Any) -> None:
        super().__init__("mimkd", Shared(setting, **more))

    def forward(
        self, student: Features, teacher: Features | None, batch: Batch, knobs: Knobs
    ) -> Terms:
        terms = super().forward(student, teacher, batch, {**knobs, "beta": 1.0})
        apart = terms.pop("mimkd")
        return {**terms, "global": apart[0], "local": apart[1], "feature": apart[2]}
