"""WCoRD - Chen, Wang, Gan, Liu, Henao, Carin (2021), "Wasserstein Contrastive Representation
Distillation".

    global   L_g = E_product[g(t, s)] - E_joint[g(t, s)],   g 1-Lipschitz           (dual form)
    local    L_l = min over plans P of <P, C>,   C_ij = 1 - cos(t_i, s_j)           (primal form)
    L        = CE + lambda_global L_g + lambda_local L_l

-L_g at the best g is the Wasserstein-1 distance between the pairs (t_i, s_i) and pairs put
together at random; it is not in nats. L_l is the earth mover's distance between the batch's
teacher and student embeddings.

No official code is public and the paper's text was not available to us. From the abstract: two
terms, dual and global, primal and local, the second inside a mini-batch. Our reading, all else:
  - a linear head for each network as in CRD, whose code is the natural base, but the teacher's
    is not trained: neither term is hurt when all embeddings become one arrow or one bit, so two
    heads that both move agree on that, and nothing is learnt (`both_heads` shows it);
  - no memory: slots are older than what the student says now, and a critic without a ceiling
    wins by telling the time; joint and product come from the same batch;
  - g(t, s) = t' W s / ||W||_2, the plain score, not the logarithm of a probability; the norm is
    exact (eigenvalues), not a power iteration: nothing to remember, and never above 1;
  - the mean over negatives, without a factor K;
  - IPOT with beta 0.5 and 50 iterations as in other code of the first author, the plan taken as
    a constant for the gradient; lambda_global 5 and lambda_local 0.05.

On the unit ball g is 1-Lipschitz in t and in s, hence for the metric ||t - t'|| + ||s - s'||, not
for the Euclidean distance of the pair. Being bilinear it sees only the cross-covariance of t and
s: over all W, -L_g is at most its nuclear norm (`wcord_supremum`).
The local term does not know who is who: it is small too when the plan is another permutation.
"""

from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from labkit.errors import unknown, whole
from labkit.losses.checks import products, wide
from labkit.losses.ckd import ckd_pairs
from labkit.losses.heads import Heads
from labkit.losses.transport import cosine_cost, ipot, sinkhorn

SOLVERS = ("ipot", "sinkhorn", "identity")


class WcordTerms(NamedTuple):
    """The two terms, scalars, not yet weighted."""

    dual: Tensor  # L_g, -2..2
    primal: Tensor  # L_l, 0..2


def wcord_global(joint: Tensor, product: Tensor) -> Tensor:
    """E_product[g] - E_joint[g] from a critic's scores, to be minimised by networks and critic.

    Shapes: joint [B] (or any), product any shape with at least one score; a scalar comes back.
    Value at chance (scores do not tell pairs): 0; with |g| <= 1 at least -2.
    Raises ValueError for empty or integer scores.
    Source: Kantorovich-Rubinstein duality; Chen et al. (2021), the global term, our reading.
    """
    for name, x in (("joint", joint), ("product", product)):
        if not x.numel() or not torch.is_floating_point(x):
            raise ValueError(f"{name} must be floating scores, got {x.dtype} {list(x.shape)}")
    return wide(product).mean() - wide(joint).mean()


def wcord_local(
    student: Tensor,
    teacher: Tensor,
    *,
    solver: str = "ipot",
    epsilon: float = 0.5,
    iterations: int = 50,
    detached: bool = True,
) -> Tensor:
    """<P, C> of the batch: the cost 1 - cos(t_i, s_j) under the cheapest plan found, 0..2.

    Shapes: student [B, D], teacher [B, D], any lengths; a scalar comes back.
    solver: "ipot", with epsilon as its beta; "sinkhorn", whose plan is blurred by epsilon; or
    "identity", each student to its own teacher: a control, and no transport
    detached: P is a constant for the gradient, which is right for the exact plan (envelope
    theorem) and cheaper; otherwise the gradient goes through the iterations too
    Value: 0 if the two sets are equal in any order; near 1 for unrelated embeddings.
    Raises ValueError for unknown solvers, epsilon <= 0, iterations < 1, shapes.
    Source: Chen et al. (2021), the local term, our reading.
    """
    if solver not in SOLVERS:
        raise unknown("solver", solver, SOLVERS)
    if student.shape != teacher.shape:
        raise ValueError(
            f"student {list(student.shape)} and teacher {list(teacher.shape)} need one shape [B, D]"
        )
    cost = cosine_cost(student, teacher)  # [B, B]
    given = cost.detach() if detached else cost
    if solver == "identity":
        plan = torch.eye(len(cost), dtype=cost.dtype, device=cost.device) / len(cost)
    elif solver == "ipot":
        plan = ipot(given, beta=epsilon, iterations=iterations)
    else:
        plan = sinkhorn(given, epsilon=epsilon, iterations=iterations)
    return (plan * cost).sum()


def wcord_supremum(student: Tensor, teacher: Tensor) -> Tensor:
    """The most that E_joint[g] - E_product[g] can be over all g(t, s) = t' W s with ||W||_2 <= 1.

    Shapes: student [B, Ds], teacher [B, Dt], pairs in the same order, B >= 2; a scalar, >= 0: the
    nuclear norm of mean(t s') - mean(t) mean(s)', times B / (B - 1) as the product has the pairs
    i != j of the batch.
    Raises ValueError for other shapes. Source: duality of the spectral and the nuclear norm.
    """
    if student.dim() != 2 or teacher.dim() != 2 or not 2 <= len(student) == len(teacher):
        raise ValueError(
            f"student must be [B, Ds] and teacher [B, Dt], B >= 2, "
            f"got {list(student.shape)} and {list(teacher.shape)}"
        )
    s, t = wide(student), wide(teacher)
    gram = products((t - t.mean(0)).T, (s - s.mean(0)).T) / (len(s) - 1)  # [Dt, Ds]
    return torch.linalg.matrix_norm(gram, "nuc")


class LipschitzCritic(nn.Module):
    """g(t, s) = t' W s / ||W||_2 for all pairs: 1-Lipschitz in t and in s on the unit ball.

    Shapes: forward takes teacher [B, teacher_dim] and student [B', student_dim] and gives scores
    [B, B'], in -1..1 for arguments of length 1 or less. It starts with W = 1, the plain product.
    Raises ValueError for sizes below 1 and inputs that do not fit.
    """

    def __init__(self, teacher_dim: int, student_dim: int) -> None:
        super().__init__()
        sizes = whole("teacher_dim", teacher_dim), whole("student_dim", student_dim)
        self.weight = nn.Parameter(torch.eye(*sizes))

    def matrix(self) -> Tensor:
        """W / ||W||_2, [teacher_dim, student_dim]."""
        w = self.weight if self.weight.shape[0] <= self.weight.shape[1] else self.weight.T
        squares = torch.linalg.eigvalsh(products(w, w))  # of singular values, ascending
        return self.weight / squares[-1].sqrt()

    def forward(self, teacher: Tensor, student: Tensor) -> Tensor:
        for name, x, size in zip(
            ("teacher", "student"), (teacher, student), self.weight.shape, strict=True
        ):
            if x.dim() != 2 or x.shape[1] != size:
                raise ValueError(f"{name} must be [B, {size}], got {list(x.shape)}")
        return products(products(teacher, self.matrix().T), student)


class WCoRD(Heads):
    """Both terms with their heads and critic; the batch's other pictures are the negatives.

    Shapes: forward takes student_features [B, student_dim] and teacher_features [B, teacher_dim]
    (no gradient goes there), row i of both of picture i, B >= 2; `WcordTerms` come back.
    negatives: how many of the other pictures each anchor is compared with, drawn by `generator`;
    None or more than there are takes them all
    both_heads: the teacher's head is trained too, and collapses with the student's
    negatives, epsilon: may be changed between steps. Raises ValueError for bad input.
    Source: Chen et al. (2021), our reading: see the top of the file.
    """

    generator: Generator | None = None

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        *,
        negatives: int | None = None,
        dim: int = 128,
        solver: str = "ipot",
        epsilon: float = 0.5,
        iterations: int = 50,
        detached: bool = True,
        both_heads: bool = False,
    ) -> None:
        super().__init__(student_dim, teacher_dim, dim)
        self.teacher_head.requires_grad_(both_heads)
        if solver not in SOLVERS:
            raise unknown("solver", solver, SOLVERS)
        self.negatives = None if negatives is None else whole("negatives", negatives)
        self.solver, self.epsilon, self.iterations = solver, epsilon, iterations
        self.detached = detached
        self.critic = LipschitzCritic(dim, dim)

    def forward(self, student_features: Tensor, teacher_features: Tensor) -> WcordTerms:
        s, t = self.embed(student_features, teacher_features, len(student_features))  # [B, D]
        scores, asked = self.critic(t, s), self.negatives  # [B, B] row i: teacher i
        drawn = None if asked is None or asked >= len(s) - 1 else asked
        kept = ckd_pairs(len(s), negatives=drawn, generator=self.generator).to(scores.device)
        kept.fill_diagonal_(False)
        primal = wcord_local(
            s,
            t,
            solver=self.solver,
            epsilon=self.epsilon,
            iterations=self.iterations,
            detached=self.detached,
        )
        return WcordTerms(wcord_global(scores.diagonal(), scores[kept]), primal)
