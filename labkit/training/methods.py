"""Labels alone, KD, and the controls that take one thing away from KD (lab 01)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.data import Batch
from labkit.losses import kd
from labkit.models import Features
from labkit.training.method import Knobs, Terms


def cross_entropy(student: Features, teacher: Features | None, batch: Batch, knobs: Knobs) -> Terms:
    """The method without a teacher: cross-entropy with the labels; log C at chance."""
    return {"labels": F.cross_entropy(student.logits, batch.labels)}


def distillation(student: Features, teacher: Features | None, batch: Batch, knobs: Knobs) -> Terms:
    """(1 - alpha) cross-entropy + alpha T^2 KL(teacher || student); Hinton et al. (2015)."""
    return _mix(student, _logits(teacher), batch, knobs)


class ShuffledTeacher:
    """Control: distillation from a teacher whose wrong-class logits are shuffled per example.

    Confidence and entropy of every target stay; which wrong class is likely is lost. `fit` sets
    `generator` to the run's own "method" stream.
    """

    generator: torch.Generator | None = None

    def __call__(
        self, student: Features, teacher: Features | None, batch: Batch, knobs: Knobs
    ) -> Terms:
        shuffled = shuffle_wrong(_logits(teacher), batch.labels, self.generator)
        return _mix(student, shuffled, batch, knobs)


def smoothed_labels(
    student: Features, teacher: Features | None, batch: Batch, knobs: Knobs
) -> Terms:
    """Control: label smoothing with the entropy of the teacher's softened targets.

    The teacher only lends its mean entropy at T; the same loss and weights as distillation.
    """
    temperature = knobs["temperature"]
    log_p = F.log_softmax(_logits(teacher) / temperature, dim=1)
    entropy = -(log_p.exp() * log_p).sum(1).mean().item()
    classes = student.logits.shape[1]
    epsilon = smoothing_of_entropy(entropy, classes)
    targets = torch.full_like(log_p, epsilon / (classes - 1))
    targets.scatter_(1, batch.labels[:, None], 1 - epsilon)
    return _mix(student, targets.clamp_min(1e-12).log() * temperature, batch, knobs)


def distillation_mean(
    student: Features, teacher: Features | None, batch: Batch, knobs: Knobs
) -> Terms:
    """The most common bug: reduction="mean" divides the soft term by the number of classes too."""
    terms = _mix(student, _logits(teacher), batch, knobs)
    return {**terms, "teacher": terms["teacher"] / student.logits.shape[1]}


def _mix(student: Features, teacher_logits: Tensor, batch: Batch, knobs: Knobs) -> Terms:
    alpha, temperature = knobs["alpha"], knobs["temperature"]
    return {
        "labels": (1 - alpha) * F.cross_entropy(student.logits, batch.labels),
        "teacher": alpha * kd(student.logits, teacher_logits, temperature=temperature),
    }


def _logits(teacher: Features | None) -> Tensor:
    if teacher is None:
        raise ValueError("this method learns from a teacher: pass fit(..., teacher=...)")
    return teacher.logits


def shuffle_wrong(
    logits: Tensor, labels: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """The logits [B, C] with each row's wrong-class values in random order; labels [B] stay put."""
    rows, classes = logits.shape
    order = torch.rand(rows, classes, generator=generator).to(logits.device)
    wrong = order.scatter(1, labels[:, None], -1.0).argsort(1)[:, 1:]  # [B, C - 1], in random order
    ranked = torch.arange(classes, device=logits.device).expand(rows, classes)
    source = ranked[ranked != labels[:, None]].view(rows, classes - 1)
    return logits.scatter(1, wrong, logits.gather(1, source))


def smoothing_of_entropy(entropy: float, classes: int) -> float:
    """The epsilon whose smoothed label (1 - epsilon on the class) has this entropy in nats."""
    low, high = 0.0, (classes - 1) / classes
    for _ in range(60):
        epsilon = (low + high) / 2
        rest = epsilon * math.log(epsilon / (classes - 1)) if epsilon > 0 else 0.0
        reached = -(1 - epsilon) * math.log1p(-epsilon) - rest
        low, high = (epsilon, high) if reached < entropy else (low, epsilon)
    return (low + high) / 2
