"""DKD - Zhao, Cui, Song, Qiu, Liang (2022), "Decoupled Knowledge Distillation".

    p, q     = softmax of the teacher's and the student's logits over T, y the label
    TCKD     = T^2 KL((p_y, 1 - p_y) || (q_y, 1 - q_y))            how sure of the label
    NCKD     = T^2 KL(p_i / (1 - p_y) || q_i / (1 - q_y)), i != y   how the others share the rest
    L        = mean over the batch of alpha TCKD + beta NCKD
    KD       = mean over the batch of TCKD + (1 - p_y) NCKD

KD thus gives NCKD little weight where the teacher is sure; DKD sets the weight freely.

Code: mdistiller removes the label from NCKD by taking 1000 from its logit, and takes the logarithm
of probabilities in TCKD, which extreme logits turn into -inf. We leave the column out and stay with
logarithms: the same value, finite for any finite logits. Its alpha is 1, its beta 8 unless said
otherwise for a pair, its T 4; the weight of the loss rises linearly over 20 epochs, which is left
to the training loop. With 2 classes NCKD is 0: a single other class has nothing to share.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import between, positive
from labkit.losses.checks import check_logits, wide


class DkdTerms(NamedTuple):
    """The two terms per example, both times T^2, in nats."""

    target: Tensor  # [B], TCKD
    others: Tensor  # [B], NCKD


def dkd(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    temperature: float,
    alpha: float = 1.0,
    beta: float = 8.0,
) -> Tensor:
    """alpha TCKD + beta NCKD, averaged over the batch, in nats.

    Shapes: student_logits [B, C], teacher_logits [B, C], labels [B]; a scalar comes back, >= 0.
    Value: 0 when the logits agree up to a constant per example.
    Raises ValueError for temperature <= 0, alpha or beta outside 0..1e6, shapes that do not fit,
    fewer than 2 classes and labels outside 0..C-1.
    Source: Zhao et al. (2022).
    """
    alpha, beta = between("alpha", alpha, 0, 1e6), between("beta", beta, 0, 1e6)
    terms = dkd_terms(student_logits, teacher_logits, labels, temperature=temperature)
    return (alpha * terms.target + beta * terms.others).mean()


def dkd_terms(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, *, temperature: float
) -> DkdTerms:
    """TCKD and NCKD of every example, [B] each; arguments and errors as in `dkd`."""
    temperature = positive("temperature", temperature)
    check_logits(student_logits, teacher_logits)
    _check_labels(labels, teacher_logits)
    pair_s, others_s = _split(wide(student_logits) / temperature, labels)
    pair_t, others_t = _split(wide(teacher_logits) / temperature, labels)
    return DkdTerms(temperature**2 * _kl(pair_t, pair_s), temperature**2 * _kl(others_t, others_s))


def _split(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of label and rest [B, 2], and of the other classes among them [B, C-1]."""
    log_p = logits.log_softmax(1)  # [B, C]
    column = torch.arange(logits.shape[1] - 1, device=logits.device)
    column = column + (column >= labels[:, None])  # [B, C-1], steps over the label
    others = log_p.gather(1, column)  # [B, C-1]
    rest = others.logsumexp(1, keepdim=True)  # [B, 1]
    return torch.cat([log_p.gather(1, labels[:, None]), rest], 1), others - rest


def _kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) per row, [B]."""
    return F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(1)


def _check_labels(labels: Tensor, logits: Tensor) -> None:
    examples, classes = logits.shape
    if classes < 2:
        raise ValueError(f"logits must have at least 2 classes, got {list(logits.shape)}")
    if labels.dtype != torch.long or labels.shape != (examples,):
        raise ValueError(
            f"labels must be whole numbers (torch.long) [{examples}], "
            f"got {labels.dtype} {list(labels.shape)}"
        )
    if ((labels < 0) | (labels >= classes)).any():
        raise ValueError(
            f"labels must be between 0 and {classes - 1}, "
            f"got {int(labels.min())} to {int(labels.max())}"
        )
