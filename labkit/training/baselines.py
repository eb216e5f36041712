"""The distillation benchmarks' baselines as methods: labels, the paper's loss, and KD if asked.

    L = CE(labels) + beta L_paper [+ alpha T_kd^2 KL(teacher || student)]

beta's defaults are the benchmarks' (RepDistiller, mdistiller, DIST), tuned there on one pair. The
last term is there only if the run has the knob alpha, as in the tables' "+ KD" columns; its
temperature is the knob kd_temperature, 4 unless given.

Which maps: AT and VID compare the last three, SP the last, FitNet the middle one (the third of
four, as the benchmarks). For FitNet and VID the map's adapter is trained with the student.
"""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Generator, Tensor, nn

from labkit import losses
from labkit.data import Batch
from labkit.models import FeatureAdapter, Features
from labkit.training.method import Knobs, Prepare, Setting, Terms

Loss = Callable[[Features, Features, Batch, Knobs], Tensor]


class Taught(nn.Module):
    """Labels + beta times a paper's loss, + alpha KD where the run has that knob."""

    def __init__(self, name: str, loss: Loss) -> None:
        super().__init__()
        self.name, self.loss = name, loss

    @property
    def generator(self) -> Generator | None:
        """The stream of the paper's own noise, where its loss draws any."""
        return getattr(self.loss, "generator", None)

    @generator.setter
    def generator(self, stream: Generator) -> None:
        if hasattr(self.loss, "generator"):
            self.loss.generator = stream

    @property
    def prepare(self) -> Prepare | None:
        """What the paper's loss does before the first step, if anything."""
        return getattr(self.loss, "prepare", None)

    def forward(
        self, student: Features, teacher: Features | None, batch: Batch, knobs: Knobs
    ) -> Terms:
        if teacher is None:
            raise ValueError("this method learns from a teacher: pass fit(..., teacher=...)")
        terms = {"labels": F.cross_entropy(student.logits, batch.labels)}
        terms[self.name] = knobs["beta"] * self.loss(student, teacher, batch, knobs)
        if "alpha" in knobs:
            soft = knobs.get("kd_temperature", 4.0)
            kd = losses.kd(student.logits, teacher.logits, temperature=soft)
            terms["kd"] = knobs["alpha"] * kd
        return terms


def stages(features: Features) -> tuple[Tensor, ...]:
    """The last three maps: of a ResNet all but the stem's."""
    return features.maps[-3:]


class Hint(nn.Module):
    """FitNet's loss on the middle maps, with the adapter that learns to translate."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        s, t = _middle(setting.student), _middle(setting.taught())
        self.adapter = FeatureAdapter(s.shape[1], t.shape[1], s.shape[2], t.shape[2])

    def forward(self, student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
        return losses.fitnet(self.adapter(_middle(student).float()), _middle(teacher))


class Variational(nn.Module):
    """VID on the last three maps: three regressors, each with its variances; summed."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        pairs = zip(stages(setting.student), stages(setting.taught()), strict=True)
        self.parts = nn.ModuleList(losses.VID(s.shape[1], t.shape[1]) for s, t in pairs)

    def forward(self, student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
        pairs = zip(self.parts, stages(student), stages(teacher), strict=True)
        return sum((part(s, t) for part, s, t in pairs), start=student.logits.new_zeros(()))


class Pairs:
    """CKD; the knob `negatives` is cut to the others there are in the batch.

    `pairs` says whose answers are the negatives; `masked` leaves out those of the anchor's class.
    """

    generator: Generator | None = None

    def __init__(self, *, pairs: str = "teacher-student", masked: bool = False) -> None:
        self.pairs, self.masked = pairs, masked

    def __call__(self, student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
        others = len(batch.labels) - 1
        asked = round(knobs.get("negatives", others))
        return losses.ckd(
            student.logits,
            teacher.logits,
            temperature=knobs["temperature"],
            negatives=asked if asked < others else None,
            pairs=self.pairs,
            labels=batch.labels if self.masked else None,
            generator=self.generator,
        )


def attract(student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
    """CKD without its negatives: (1 - cosine of an example's two answers) / tau, 0 at best."""
    cosine = F.cosine_similarity(student.logits, teacher.logits, dim=1)  # [B]
    return (1 - cosine).mean() / knobs["temperature"]


def attention(student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
    """AT on the last three maps."""
    return losses.at(stages(student), stages(teacher))


def similarity(student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
    """SP on the last map."""
    return losses.sp(student.maps[-1], teacher.maps[-1])


def relations(student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
    """RKD on the pooled vectors."""
    return losses.rkd(student.pooled, teacher.pooled)


def probabilities(student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
    """PKT on the pooled vectors."""
    return losses.pkt(student.pooled, teacher.pooled)


def decoupled(student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
    """DKD; the knob `nontarget` weighs the wrong classes (the paper's beta; its alpha is 1).

    As in its code it grows in over the first twelfth of the run (20 of 240 epochs).
    """
    return min(1.0, 12 * knobs.get("progress", 1.0)) * losses.dkd(
        student.logits,
        teacher.logits,
        batch.labels,
        temperature=knobs["temperature"],
        beta=knobs["nontarget"],
    )


def correlation(student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
    """DIST."""
    return losses.dist(student.logits, teacher.logits, temperature=knobs["temperature"])


def _middle(features: Features) -> Tensor:
    return features.maps[len(features.maps) // 2]
