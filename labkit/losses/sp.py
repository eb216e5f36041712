"""SP - Tung, Mori (2019), "Similarity-Preserving Knowledge Distillation".

    G(f) = F F^T, F the features flattened to [B, D]      how alike the examples of a batch are
    N(f) = G(f) with every row divided by its L2 norm
    L    = ||N(t) - N(s)||_F^2 / B^2

Code: the norm is per row, that is per example, not one Frobenius norm for the matrix; we do as
RepDistiller does. Its weight for this loss is 3000.
"""

import torch.nn.functional as F
from torch import Tensor

from labkit.losses.checks import products, rows


def sp(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of the row-normalised similarities among the examples of a batch.

    Shapes: student [B, ...], teacher [B, ...], flattened after B, of any size; a scalar, >= 0.
    Value: 0 when the features agree up to one scale or a rotation.
    Raises ValueError for fewer than 2 examples and for batches that differ in size.
    Source: Tung, Mori (2019), the loss on one pair of layers.
    """
    student, teacher = rows(student, teacher)
    n_s = F.normalize(products(student, student), dim=1)  # [B, B]
    n_t = F.normalize(products(teacher, teacher), dim=1)  # [B, B]
    return F.mse_loss(n_s, n_t)
