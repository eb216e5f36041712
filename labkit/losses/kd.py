"""KD - Hinton, Vinyals, Dean (2015), "Distilling the Knowledge in a Neural Network".

    p_i = exp(v_i / T) / sum_j exp(v_j / T)            the teacher, softened      (equation 1)
    q_i = exp(z_i / T) / sum_j exp(z_j / T)            the student, softened
    L   = T^2 * mean over the batch of KL(p || q)

Paper and code: the paper minimises the cross-entropy -sum p log q, which differs from the KL by
the teacher's entropy, a constant to the student, and asks for the factor T^2 in words (section 2:
gradients of the soft term scale as 1 / T^2). We take the KL, so that the loss is 0 when student
and teacher agree. The mean is over examples ("batchmean"); torch's reduction="mean" also divides
by the number of classes and makes the loss C times too small.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import positive


def kd(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
    """T^2 KL(teacher || student) of the softened class probabilities, in nats.

    Shapes: student_logits [B, C], teacher_logits [B, C]; a scalar comes back, >= 0.
    Value: 0 when the logits agree up to a constant per example; as T grows it tends to the mean
    over the batch of ||z - v||^2 / (2 C) for logits centred over the classes.
    Raises ValueError for temperature <= 0 or NaN and for shapes that differ.
    Source: Hinton et al. (2015), section 2, equation 1 and the T^2 remark below it.
    """
    temperature = positive("temperature", temperature)
    check_logits(student_logits, teacher_logits)
    log_q = F.log_softmax(student_logits / temperature, dim=1)  # [B, C]
    log_p = F.log_softmax(teacher_logits / temperature, dim=1)  # [B, C]
    kl = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    return temperature**2 * kl


def check_logits(student_logits: Tensor, teacher_logits: Tensor) -> None:
    """ValueError unless both are [B, C] of the same shape, with B and C at least 1."""
    s, t = tuple(student_logits.shape), tuple(teacher_logits.shape)
    if s != t:
        raise ValueError(
            f"student_logits {list(s)} and teacher_logits {list(t)} must have one shape [B, C]"
        )
    if len(s) != 2 or 0 in s:
        raise ValueError(f"logits must be [B, C] with B, C >= 1, got {list(s)}")
    if not (torch.is_floating_point(student_logits) and torch.is_floating_point(teacher_logits)):
        raise ValueError("logits must be floating point, before any softmax or argmax")
