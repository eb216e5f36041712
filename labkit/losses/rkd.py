"""RKD - Park, Kim, Lu, Cho (2019), "Relational Knowledge Distillation".

    d_ij  = ||x_i - x_j|| / m,  m the mean distance of the pairs i != j
    L_D   = mean over i, j of h(d_ij(s) - d_ij(t))
    c_ijk = cosine of the angle at j between x_i and x_k
    L_A   = mean over i, j, k of h(c_ijk(s) - c_ijk(t))
    L     = 25 L_D + 50 L_A
    h(u)  = u^2 / 2 if |u| < 1, else |u| - 1/2            smooth L1

Code: as in the authors' and RepDistiller's, the means of L_D and L_A run over all B^2 and B^3 index
combinations, those with equal indices (which are 0) included. Both get distances from squares and
products, kept above 1e-6 by a floor; we take differences, so that close examples stay exact in
float32, and an example that coincides with another has no direction instead of a huge gradient.
Memory grows as B^2 D and B^3: 64 examples are light, 512 are not.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import between
from labkit.losses.checks import products, rows, unit


def rkd(
    student: Tensor, teacher: Tensor, *, distance_weight: float = 25.0, angle_weight: float = 50.0
) -> Tensor:
    """Weighted sum of the distance and the angle term.

    Shapes: student [B, D], teacher [B, D'] (more axes are flattened); a scalar comes back, >= 0.
    Value: 0 when the embeddings agree up to a scale, a shift and a rotation.
    Raises ValueError for weights outside 0..1e6, B < 2 and batches that differ in size.
    Source: Park et al. (2019), both terms; the weights are the authors' code's for distillation.
    """
    distance_weight = between("distance_weight", distance_weight, 0, 1e6)
    angle_weight = between("angle_weight", angle_weight, 0, 1e6)
    distance, angle = rkd_distance(student, teacher), rkd_angle(student, teacher)
    return distance_weight * distance + angle_weight * angle


def rkd_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth L1 between the networks' pairwise distances, each relative to its mean; a scalar.

    Shapes, invariances and errors as in `rkd`.
    """
    student, teacher = rows(student, teacher)
    return F.smooth_l1_loss(_distances(student), _distances(teacher))


def rkd_angle(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth L1 between the cosines of the angles of all triples of examples; a scalar.

    Shapes, invariances and errors as in `rkd`; no information in B = 2, which has no triple.
    """
    student, teacher = rows(student, teacher)
    return F.smooth_l1_loss(_angles(student), _angles(teacher))


def _differences(x: Tensor) -> Tensor:
    return x[None] - x[:, None]  # [B, B, D], entry j, i is x_i - x_j


def _distances(x: Tensor) -> Tensor:
    """Pairwise distances relative to their mean off the diagonal, [B, B]."""
    d = torch.linalg.vector_norm(_differences(x), dim=2)  # [B, B]
    mean = d.sum() / (len(x) * (len(x) - 1))
    return d / torch.where(mean > 0, mean, 1.0)  # all examples alike: all distances 0


def _angles(x: Tensor) -> Tensor:
    """Cosines at j between i and k, [B, B, B] in the order j, i, k."""
    directions = unit(_differences(x))  # [B, B, D]
    return products(directions, directions)
