"""CRD and WCoRD as methods: labels, the loss on the pooled vectors, and KD if asked.

    crd            CE + beta CRD, negatives of other classes as in the official loader
    crd-filled     the same, its banks filled with what both networks say before the first step
    crd-unlabelled crd-filled, negatives any other picture: no label reaches the loss
    crd-ema, crd-exact  crd-filled with another normaliser Z
    wcord          CE + lambda_global L_g + lambda_local L_l, our reading of the paper
    wcord-identity the same, each student carried to its own teacher: no plan to find
    wcord-collapsing the same with the teacher's head trained too: what our reading leaves out

all [+ alpha T_kd^2 KL] where the run has the knob alpha (`baselines.Taught`). CRD knows pictures
by their position in the training set (`batch.index`), and its knob `negatives` is not cut to what
the set has: a smaller pool is drawn from with replacement, as `loss.replacement` says. WCoRD's is
cut to the others of the batch. CRD's beta 0.8 and its 16384 negatives are the official defaults;
the loss grows with the logarithm of the number of negatives, so beta does not carry over as it is.
"""

from typing import Any

import torch
from torch import Generator, Tensor, nn

from labkit import losses
from labkit.data import Batch
from labkit.models import Features
from labkit.training.baselines import Taught
from labkit.training.method import Knobs, Setting, Terms


class Contrast(nn.Module):
    """CRD on the pooled vectors; knobs temperature and negatives."""

    def __init__(
        self,
        setting: Setting,
        *,
        labels: bool = True,
        normaliser: str = "first-batch",
    ) -> None:
        super().__init__()
        train = setting.dataset.train
        self.crd = losses.CRD(
            *_sizes(setting),
            len(train),
            negatives=1,
            labels=train.labels if labels else None,
            normaliser=normaliser,
        )

    @property
    def generator(self) -> Generator | None:
        """The stream that draws the negatives."""
        return self.crd.generator

    @generator.setter
    def generator(self, stream: Generator) -> None:
        self.crd.generator = stream

    def forward(self, student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
        self.crd.temperature = knobs["temperature"]
        self.crd.negatives = round(knobs["negatives"])
        return self.crd(student.pooled, teacher.pooled, batch.index)


class Filled(Contrast):
    """The same with banks that hold what both networks say before the first step, not noise."""

    def prepare(self, student: Features, teacher: Features, batch: Batch) -> None:
        """Write the slots of a batch."""
        self.crd.fill(batch.index, student.pooled, teacher.pooled)


class Transport(nn.Module):
    """WCoRD on the pooled vectors, both terms weighted [2]; knobs negatives, epsilon, lambdas."""

    def __init__(self, setting: Setting, **more: Any) -> None:
        super().__init__()
        self.wcord = losses.WCoRD(*_sizes(setting), **more)

    @property
    def generator(self) -> Generator | None:
        """The stream that draws the negatives."""
        return self.wcord.generator

    @generator.setter
    def generator(self, stream: Generator) -> None:
        self.wcord.generator = stream

    def forward(self, student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
        self.wcord.epsilon = knobs["epsilon"]
        self.wcord.negatives = round(knobs["negatives"])
        terms = self.wcord(student.pooled, teacher.pooled)
        weights = knobs["lambda_global"], knobs["lambda_local"]
        return torch.stack([w * term for w, term in zip(weights, terms, strict=True)])


class Wasserstein(Taught):
    """Labels + WCoRD's two terms, each by its own name, + alpha KD where the run has that knob.

    Other keywords are those of `losses.WCoRD` that are no knobs, e.g. solver="identity".
    """

    def __init__(self, setting: Setting, **more: Any) -> None:
        super().__init__("wcord", Transport(setting, **more))

    def forward(
        self, student: Features, teacher: Features | None, batch: Batch, knobs: Knobs
    ) -> Terms:
        terms = super().forward(student, teacher, batch, {**knobs, "beta": 1.0})
        apart, local = terms.pop("wcord")
        return {**terms, "global": apart, "local": local}


def _sizes(setting: Setting) -> tuple[int, int]:
    """Widths of both pooled vectors."""
    return setting.student.pooled.shape[1], setting.taught().pooled.shape[1]
