"""Which classes a teacher finds alike, and how well that agrees with the truth."""

import torch
from torch import Tensor

from labkit.errors import positive
from labkit.losses import kd


def class_similarity(logits: Tensor, labels: Tensor, *, temperature: float) -> Tensor:
    """Mean softened probability of each class given the true class: [C, C], rows sum to 1.

    logits [N, C], labels [N]. A class without an example has a row of zeros.
    """
    classes = logits.shape[1]
    p = (logits / positive("temperature", temperature)).softmax(1)  # [N, C]
    total = torch.zeros(classes, classes, dtype=p.dtype).index_add_(0, labels, p)
    return total / labels.bincount(minlength=classes).clamp_min(1)[:, None]


def group_similarity(matrix: Tensor, groups: Tensor) -> Tensor:
    """A class matrix [C, C] summed over columns and averaged over rows of a group: [G, G]."""
    count = int(groups.max()) + 1
    member = torch.nn.functional.one_hot(groups, count).to(matrix.dtype)  # [C, G]
    return member.T @ matrix @ member / member.sum(0)[:, None]


def rank_agreement(ours: Tensor, truth: Tensor) -> float:
    """Spearman's rank correlation of two square matrices off the diagonal: -1..1, 0 at chance."""
    off = ~torch.eye(len(ours), dtype=torch.bool)
    ranks = torch.stack([_ranks(ours[off]), _ranks(truth[off])])
    return torch.corrcoef(ranks)[0, 1].item()


def _ranks(values: Tensor) -> Tensor:
    """Ranks from 0, ties sharing their mean rank."""
    _, inverse, counts = values.unique(return_inverse=True, return_counts=True)
    ends = counts.cumsum(0).double()
    return (ends - (counts - 1) / 2)[inverse] - 1


def gradient(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
    """The KD loss's gradient for each example's own logits, [B, C].

    Taken by autograd of `losses.kd`, so that a figure shows the loss that is trained.
    """
    logits = student_logits.detach().requires_grad_()
    with torch.enable_grad():
        loss = kd(logits, teacher_logits, temperature=temperature) * len(logits)
        (slope,) = torch.autograd.grad(loss, logits)
    return slope
