"""CKD - Zhu et al. (2024), "Contrastive Knowledge Distillation: A Sample-wise Perspective".

    t_i, s_i   the logits of example i, each divided by its length
    L = -mean_i log exp(t_i.s_i / tau) / (exp(t_i.s_i / tau) + sum_j exp(t_i.s_j / tau))

The positive pair is one example seen by both networks; the negatives are the other examples of
the batch: no memory bank, no labels, no projection head.

Paper and code: the text reachable to us names the negatives once as (s_i, s_j); the authors' code
has (t_i, s_j), one direction, tau 1 or 2, weights of 10 to 100. We follow the code;
`pairs="student-student"` is the other reading. `symmetric`, `negatives` and `labels` are ours.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import positive, unknown, whole
from labkit.losses.checks import check_logits, products, unit, wide

PAIRS = ("teacher-student", "student-student")


def ckd(
    student_logits: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float = 1.0,
    negatives: int | None = None,
    pairs: str = "teacher-student",
    symmetric: bool = False,
    labels: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """InfoNCE between the two networks' normalised logits of the same examples, in nats.

    Shapes: student_logits [B, C], teacher_logits [B, C], labels [B] or None; a scalar comes back.
    negatives: K of the other B - 1 examples, drawn anew by `generator` for each; None takes all
    pairs: whose pairs are negatives, (t_i, s_j) or (s_i, s_j)
    symmetric: also let each student look for its teacher, and average both
    labels: examples of the same class are then no negatives (some rows may have fewer than K)
    Value at chance (all cosines equal): log(K + 1); `ckd_band` gives the least. Unchanged by
    scaling an example's logits, changed by adding a constant to them: the mirror image of KD.
    Raises ValueError for temperature <= 0, negatives outside 1..B-1, unknown pairs, shapes.
    Source: the authors' code; Zhu et al. (2024).
    """
    temperature = positive("temperature", temperature)
    check_logits(student_logits, teacher_logits)
    if pairs not in PAIRS:
        raise unknown("pairs", pairs, PAIRS)
    if symmetric and pairs == "student-student":
        raise ValueError("symmetric needs pairs='teacher-student': (s_i, s_j) has one direction")
    s, t = unit(wide(student_logits)), unit(wide(teacher_logits))  # [B, C]
    kept = ckd_pairs(len(s), negatives=negatives, labels=labels, generator=generator).to(s.device)
    scores = products(t, s) if pairs == "teacher-student" else _own(s, t)  # [B, B]
    directions = (scores, scores.T) if symmetric else (scores,)
    own = torch.arange(len(s), device=s.device)
    found = [
        F.cross_entropy((x / temperature).masked_fill(~kept, -torch.inf), own) for x in directions
    ]
    return torch.stack(found).mean()


def ckd_pairs(
    batch: int,
    *,
    negatives: int | None = None,
    labels: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Which pairs take part, bool [B, B]: the diagonal, and in each row the negatives."""
    if batch < 2:
        raise ValueError(f"CKD needs at least 2 examples in a batch, got {batch}")
    others = ~torch.eye(batch, dtype=torch.bool)
    if labels is not None:
        if labels.shape != (batch,):
            raise ValueError(f"labels must be [{batch}], got {list(labels.shape)}")
        others &= (labels[:, None] != labels).cpu()
    if negatives is not None:
        if whole("negatives", negatives) > batch - 1:
            raise ValueError(f"negatives must be at most {batch - 1}, B - 1, got {negatives}")
        lots = torch.rand(batch, batch, generator=generator).masked_fill(~others, 2.0)
        drawn = lots.argsort(1)[:, :negatives]  # those that may not be drawn come last
        others &= torch.zeros_like(others).scatter(1, drawn, True)
    return others | torch.eye(batch, dtype=torch.bool)


def ckd_band(
    batch: int, *, temperature: float, negatives: int | None = None
) -> tuple[float, float]:
    """The least loss that a batch can have and the loss at chance, in nats.

    Least: positives at cosine 1, the B examples as far apart as B vectors can be, all at
    -1 / (B - 1): log(1 + K exp(-(1 + 1 / (B - 1)) / tau)). At chance: log(K + 1).
    Raises ValueError for temperature <= 0, batch < 2 and negatives outside 1..B-1.
    """
    temperature = positive("temperature", temperature)
    count = (
        whole("batch", batch, minimum=2) - 1 if negatives is None else whole("negatives", negatives)
    )
    if count > batch - 1:
        raise ValueError(f"negatives must be at most {batch - 1}, B - 1, got {negatives}")
    apart = math.exp(-(1 + 1 / (batch - 1)) / temperature)
    return math.log1p(count * apart), math.log(count + 1)


def _own(s: Tensor, t: Tensor) -> Tensor:
    """(t_i, s_i) on the diagonal, (s_i, s_j) elsewhere, [B, B]."""
    itself = torch.eye(len(s), dtype=torch.bool, device=s.device)
    return torch.where(itself, (t * s).sum(1), products(s, s))
