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

import torch.nn.functional as F
from torch import Tensor

from labkit.errors import positive
from labkit.losses.checks import check_logits


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
