"""PKT - Passalis, Tefas (2018), "Learning Deep Representations with Probabilistic Knowledge
Transfer".

    k_ij   = (1 + cos(x_i, x_j)) / 2
    p_ij   = k_ij / sum_j k_ij                             from the teacher's features
    q_ij   = the same from the student's
    L      = mean over i, j of p_ij log((p_ij + e) / (q_ij + e)),   e = 1e-7

Code: j runs over the whole batch, i itself included, and the mean divides by B^2 where a KL
divergence per example would divide by B; hence RepDistiller's weight of 30000. We keep both. It
also adds e to every norm, we do not: the loss is then exactly free of scale, and differs from
RepDistiller's by 5e-8 of itself for features of norm 5.
"""

from torch import Tensor

from labkit.losses.checks import products, rows, unit

EPS = 1e-7  # keeps the logarithm finite for examples that point in opposite directions


def pkt(student: Tensor, teacher: Tensor) -> Tensor:
    """KL from the student's to the teacher's similarities in a batch, per pair, in nats.

    Shapes: student [B, D], teacher [B, D'] (more axes are flattened); a scalar comes back,
    0 (e allows -2e-6) to about 16 / B.
    Value: 0 when all cosines agree: unchanged by a positive scale per example and by rotation.
    Raises ValueError for fewer than 2 examples and for batches that differ in size.
    Source: Passalis, Tefas (2018) with the cosine kernel, reduced as in the public code.
    """
    student, teacher = rows(student, teacher)
    p, q = similarities(teacher), similarities(student)  # [B, B]
    return (p * ((p + EPS) / (q + EPS)).log()).mean()


def similarities(x: Tensor) -> Tensor:
    """Shifted cosines among the rows of x [B, D], every row summing to 1: [B, B]."""
    directions = unit(x)
    kernel = ((1 + products(directions, directions)) / 2).clamp_min(0)
    return kernel / kernel.sum(1, keepdim=True)
