"""The two heads that make a student's and a teacher's features comparable."""

from torch import Tensor, nn

from labkit.errors import whole
from labkit.losses.checks import unit


class Heads(nn.Module):
    """A linear layer for each network, and embeddings of length 1; trained, unless a loss says not.

    Raises ValueError for sizes below 1. Source: the heads of CRD's official code.
    """

    def __init__(self, student_dim: int, teacher_dim: int, dim: int) -> None:
        super().__init__()
        self.student_head = nn.Linear(whole("student_dim", student_dim), whole("dim", dim))
        self.teacher_head = nn.Linear(whole("teacher_dim", teacher_dim), dim)

    def embed(
        self, student_features: Tensor, teacher_features: Tensor, rows: int
    ) -> tuple[Tensor, Tensor]:
        """Both embeddings [rows, dim], of length 1; ValueError unless features are [rows, D]."""
        made = []
        for name, x, head in (
            ("student_features", student_features, self.student_head),
            ("teacher_features", teacher_features.detach(), self.teacher_head),
        ):
            if x.dim() != 2 or tuple(x.shape) != (rows, head.in_features):
                raise ValueError(
                    f"{name} must be [{rows}, {head.in_features}], a row per entry of index, "
                    f"got {list(x.shape)}"
                )
            made.append(unit(head(x.to(head.weight.dtype))))
        return made[0], made[1]
