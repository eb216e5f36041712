"""DIST - Huang, You, Wang, Qian, Xu (2022), "Knowledge Distillation from A Stronger Teacher".

    y      = softmax(z / T), [B, C]
    inter  = 1 - mean over examples of the correlation of y_s and y_t along the classes
    intra  = 1 - mean over classes of the correlation of y_s and y_t along the batch
    L      = T^2 (beta inter + gamma intra)

correlation is Pearson's: what counts is which classes, and which examples, rank above others, not
by how much.

Paper and code: the factor T^2 is in the authors' code and not in the paper's listing; we keep it,
it only rescales. The code adds 1e-8 to the product of norms, and so do we: a class that is constant
over the batch then has correlation 0 and no gradient. The authors' CIFAR recipe has T = 4,
beta = gamma = 1 and the weight 2 for the loss; for ImageNet T = 1.
"""

import torch
from torch import Tensor

from labkit.errors import between, positive
from labkit.losses.checks import check_logits, wide

EPS = 1e-8


def dist(
    student_logits: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float,
    beta: float = 1.0,
    gamma: float = 1.0,
) -> Tensor:
    """T^2 times one minus the correlation of the class probabilities, by example and by class.

    Shapes: student_logits [B, C], teacher_logits [B, C]; a scalar, 0 to 2 T^2 (beta + gamma).
    Value: 0 (to 1e-8 over the product of norms) when the probabilities of every row and of every
    column agree up to a positive scale and a shift.
    Raises ValueError for temperature <= 0, beta or gamma outside 0..1e6, shapes that differ and
    fewer than 2 examples or classes.
    Source: Huang et al. (2022), as in the authors' code.
    """
    temperature = positive("temperature", temperature)
    beta, gamma = between("beta", beta, 0, 1e6), between("gamma", gamma, 0, 1e6)
    check_logits(student_logits, teacher_logits)
    if min(student_logits.shape) < 2:
        raise ValueError(
            f"logits must have at least 2 examples and 2 classes, got {list(student_logits.shape)}"
        )
    y_s = (wide(student_logits) / temperature).softmax(1)  # [B, C]
    y_t = (wide(teacher_logits) / temperature).softmax(1)  # [B, C]
    inter = 1 - correlation(y_s, y_t).mean()
    intra = 1 - correlation(y_s.T, y_t.T).mean()
    return temperature**2 * (beta * inter + gamma * intra)


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's correlation of the rows of a and b [N, M]: [N], -1..1, 0 for a constant row."""
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    norms = torch.linalg.vector_norm(a, dim=1) * torch.linalg.vector_norm(b, dim=1)
    return (a * b).sum(1) / (norms + EPS)
