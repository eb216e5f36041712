"""Memory banks - Wu, Xiong, Yu, Lin (2018), "Unsupervised Feature Learning via Non-Parametric
Instance Discrimination", as CRD uses them: one embedding per training picture and network.

    V[i] <- unit(momentum V[i] + (1 - momentum) e_i)        after each step, for the batch's i

A slot is as old as the last time its picture was seen: up to an epoch (staleness). At first slots
are uniform noise of expected squared length 1.

Negatives come without replacement from the pool: all other pictures, or with `labels` those of
other classes, as in CRD's loader (the labels then leak into a loss that is said not to use them).
The published draw permutes the pool for each anchor. Here one permutation of all pictures is drawn
for the batch, and each anchor takes the first K that fit from a place of its own: each set of
negatives is as likely as before, sets of two anchors are uncorrelated, and the time is that of a
copy. A pool smaller than K is drawn from with replacement.
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.autograd.function import once_differentiable

from labkit.errors import between, whole
from labkit.losses.checks import products, unit
from labkit.losses.heads import Heads

WHOLE = 32  # products with all of a bank cost less than fetching rows up to this many rows per K
BLOCK = 2**20  # elements of a bank fetched at a time


class Memory(nn.Module):
    """Embeddings of `samples` pictures by both networks, and who may be a negative for whom.

    student, teacher: buffers [samples, dim], so that checkpoints hold them
    Raises ValueError for sizes below 2, momentum outside 0..1, and labels of one class only.
    """

    student: Tensor
    teacher: Tensor
    group: Tensor
    order: Tensor
    first: Tensor
    count: Tensor

    def __init__(
        self, samples: int, dim: int, *, momentum: float = 0.5, labels: Tensor | None = None
    ) -> None:
        super().__init__()
        self.samples, dim = whole("samples", samples, minimum=2), whole("dim", dim, minimum=2)
        self.momentum = between("momentum", momentum, 0, 1)
        reach = (3 / dim) ** 0.5  # a uniform number in -r..r has variance r^2 / 3
        for name in ("student", "teacher"):
            self.register_buffer(name, torch.empty(samples, dim).uniform_(-reach, reach))
        group = _groups(samples, labels)
        count = group.bincount()
        self.largest = int(count.max())
        if self.largest == samples:
            raise ValueError("labels have one class: there is no other class to draw from")
        derived = {"group": group, "order": group.argsort(), "count": count}
        derived["first"] = count.cumsum(0) - count  # where a class starts in `order`
        for name, value in derived.items():
            self.register_buffer(name, value, persistent=False)

    @property
    def pool(self) -> int:
        """How many negatives each picture has to choose from, at the least."""
        return self.samples - self.largest

    def draw(self, index: Tensor, negatives: int, generator: Generator | None = None) -> Tensor:
        """Positions of K negatives for each picture in `index` [B]: int64 [B, K].

        Without replacement unless K is above `pool`. A CPU generator serves banks on any device
        and draws the same for all of them.
        """
        index = self.checked("index", index, 1)
        rows, device = len(index), self.student.device
        if whole("negatives", negatives) > self.pool:
            drawn = torch.randint(2**62, (rows, negatives), generator=generator).to(device)
            own = self.group[index][:, None]  # [B, 1]
            place = drawn % (self.samples - self.count[own])
            place += (place >= self.first[own]) * self.count[own]  # step over the own class
            return self.order[place]
        mixed = torch.randperm(self.samples, generator=generator).to(device)
        start = torch.randint(self.samples, (rows,), generator=generator).to(device)
        ring, width = torch.cat([mixed, mixed]), negatives + self.largest
        near = ring.unfold(0, width, 1)[start]  # [B, width], no picture twice
        fits = self.group[ring].unfold(0, width, 1)[start] != self.group[index][:, None]
        fits &= fits.cumsum(1) <= negatives
        return near.masked_select(fits).view(rows, negatives)

    @torch.no_grad()
    def remember(
        self, index: Tensor, student: Tensor, teacher: Tensor, momentum: float | None = None
    ) -> None:
        """Let the slots of `index` [B] move towards embeddings [B, dim]."""
        kept = self.momentum if momentum is None else momentum
        for bank, new in ((self.student, student), (self.teacher, teacher)):
            mixed = kept * bank[index] + (1 - kept) * new.to(bank.dtype)
            bank[index] = unit(mixed)

    def checked(self, name: str, positions: Tensor, axes: int) -> Tensor:
        """`positions` on the banks' device; ValueError unless they are whole, in 0..samples-1."""
        whole_numbers = not (positions.is_floating_point() or positions.dtype == torch.bool)
        if positions.dim() != axes or not positions.numel() or not whole_numbers:
            shape = "[B]" if axes == 1 else "[B, K]"
            raise ValueError(
                f"{name} must be whole numbers {shape}, got {positions.dtype} "
                f"{list(positions.shape)}"
            )
        low, high = (int(end) for end in positions.aminmax())
        if low < 0 or high >= self.samples:
            raise ValueError(f"{name} must be in 0..{self.samples - 1}, got {low}..{high}")
        return positions.to(self.student.device, torch.long)


class BankedLoss(Heads):
    """What CRD is made of before its formula: heads, the memory, and the negatives of a batch.

    negatives: may be changed between steps; `generator`: draws them, labkit sets the run's own
    Raises ValueError for sizes below 1.
    """

    generator: Generator | None = None

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        samples: int,
        *,
        negatives: int,
        dim: int,
        momentum: float,
        labels: Tensor | None,
    ) -> None:
        super().__init__(student_dim, teacher_dim, dim)
        self.negatives = whole("negatives", negatives)
        self.memory = Memory(samples, dim, momentum=momentum, labels=labels)

    @property
    def replacement(self) -> bool:
        """Whether the pool is smaller than `negatives`, so that some are drawn twice."""
        return self.negatives > self.memory.pool

    @torch.no_grad()
    def fill(self, index: Tensor, student_features: Tensor, teacher_features: Tensor) -> None:
        """Let the slots of `index` [B] be what the features are now; nothing of the noise is kept.

        Shapes as in the call. Ours: the official banks start as noise, which own pairs are taught
        to agree with until each picture has been seen.
        """
        own = self.memory.checked("index", index, 1)
        self.memory.remember(own, *self.embed(student_features, teacher_features, len(own)), 0.0)

    def columns(self, index: Tensor, negative_index: Tensor | None) -> Tensor:
        """Whom each anchor is scored against: its own picture, then K others; [B, 1 + K]."""
        own = self.memory.checked("index", index, 1)
        if negative_index is None:
            others = self.memory.draw(own, self.negatives, self.generator)
        else:
            others = self.memory.checked("negative_index", negative_index, 2)
        if len(others) != len(own):
            raise ValueError(f"negative_index has {len(others)} rows and index {len(own)}")
        return torch.cat([own[:, None], others], 1)


def bank_scores(anchor: Tensor, bank: Tensor, columns: Tensor) -> Tensor:
    """Products of each anchor with its own rows of a bank that needs no gradient.

    Shapes: anchor [B, D], bank [N, D], columns [B, K]; [B, K] come back.
    The [B, K, D] rows are never held together: either all N products are taken and K picked, or
    rows are fetched in blocks, and fetched again for the gradient; whichever costs less.
    """
    if len(bank) <= WHOLE * columns.shape[1]:
        return products(anchor, bank).gather(1, columns)
    return _Fetched.apply(anchor, bank, columns)


class _Fetched(torch.autograd.Function):
    """Rows of the bank fetched in blocks, in the forward pass and again in the backward pass."""

    @staticmethod
    def forward(ctx, anchor: Tensor, bank: Tensor, columns: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(bank, columns)
        width = max(1, BLOCK // anchor.numel())
        parts = columns.split(width, dim=1)
        return torch.cat([products(bank[part], anchor[:, None])[:, :, 0] for part in parts], 1)

    @staticmethod
    @once_differentiable
    def backward(ctx, slope: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[no-untyped-def]
        bank, columns = ctx.saved_tensors
        slope = slope.contiguous()
        return F.embedding_bag(columns, bank, per_sample_weights=slope, mode="sum"), None, None


def _groups(samples: int, labels: Tensor | None) -> Tensor:
    """int64 [samples]: pictures of one group are never each other's negatives."""
    if labels is None:
        return torch.arange(samples)
    if tuple(labels.shape) != (samples,):
        raise ValueError(f"labels must be [{samples}], one per sample, got {list(labels.shape)}")
    return labels.cpu().unique(return_inverse=True)[1]
