"""What a contrastive loss guarantees - Arora, Khandeparkar, Khodak, Plevrakis, Saunshi (2019).

"A Theoretical Analysis of Contrastive Unsupervised Representation Learning". Similar pairs come
from one latent class, negatives from any class, hence with probability tau = 1 / C from the same.

    L_un(f)  = E loss(f(x).(f(x+) - f(x-)))    x, x+ of one class, x- of any
    L_sup(f) = E loss(f(x).(mu_c - mu_c'))     mu: mean embedding of a class, c' != c
    L_sup   <= (L_un - tau) / (1 - tau)        theorem 4.1 for k = 1, in the population
    block    f(x+) and f(x-) are means of b examples (Block-CURL): L_un falls, the bound tightens

The bound is for inner products that are not normalised and for losses with loss(0) = 1: the
hinge max(0, 1 - v), or log2(1 + exp(-v)), in bits and not in nats.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import positive, unknown, whole

GAIN, SCALE = 0.7, 1.18  # inside the tanh and outside it: not saturated, and margins near 1
MEANS = 500  # examples a class centre is averaged over
Loss = Callable[[Tensor], Tensor]
LOSSES: dict[str, Loss] = {
    "hinge": lambda v: F.relu(1 - v),
    "logistic": lambda v: F.softplus(-v) / math.log(2),  # log base 2: 1 at v = 0
}


def collision_probability(classes: int, negatives: int = 1) -> float:
    """The chance that at least one of K negatives has the anchor's class: 1 - (1 - 1/C)^K, 0..1.

    C classes, all as frequent. Raises ValueError for classes or negatives below 1.
    """
    c, k = whole("classes", classes), whole("negatives", negatives)
    return 1 - (1 - 1 / c) ** k


class Sides(NamedTuple):
    """Both sides of the bound and what it is made of; all but `collisions` are losses >= 0."""

    unsupervised: float  # L_un
    bound: float  # (L_un - tau) / (1 - tau)
    supervised: float  # L_sup of the mean classifier, two classes at a time
    collided: float  # L_un among negatives of the anchor's own class, >= 1
    collisions: float  # tau = 1 / C


class Classes:
    """C Gaussian classes in `dim` coordinates, seen through `width` random tanh features.

    `noise` is the spread inside a class, in units of the spread of the class centres. Everything
    is drawn from `seed`. Raises ValueError for bad sizes.
    """

    def __init__(
        self,
        classes: int,
        *,
        noise: float = 0.95,
        dim: int = 50,
        width: int = 16,
        seed: int = 0,
    ) -> None:
        self.classes, self.noise = whole("classes", classes, 2), positive("noise", noise)
        self.generator = torch.Generator().manual_seed(seed)
        self.centres = self._normal(self.classes, whole("dim", dim))
        self.map = GAIN * self._normal(dim, whole("width", width)) / math.sqrt(dim)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)

    def features(self, labels: Tensor, block: int = 1) -> Tensor:
        """The mean features of `block` fresh examples of each label [N]: [N, width]."""
        shape = (len(labels), block, self.centres.shape[1])
        x = self.centres[labels][:, None] + self.noise * self._normal(*shape)
        return SCALE * torch.tanh(x @ self.map).mean(1)

    def sides(self, block: int = 1, *, pairs: int = 10_000, loss: str = "hinge") -> Sides:
        """Both sides of the bound, by `pairs` random pairs; `loss` is "hinge" or "logistic"."""
        if loss not in LOSSES:
            raise unknown("loss", loss, LOSSES)
        b, cost = whole("block", block), LOSSES[loss]
        own = torch.randint(self.classes, (whole("pairs", pairs),), generator=self.generator)
        step = torch.randint(1, self.classes, (pairs,), generator=self.generator)
        stranger = (own + step) % self.classes  # another class, each as likely
        anchor, near = self.features(own), self.features(own, b)
        apart, collided = (
            cost((anchor * (near - self.features(label, b))).sum(1)).mean().item()
            for label in (stranger, own)
        )
        means = self.features(torch.arange(self.classes), MEANS)
        supervised = cost((anchor * (means[own] - means[stranger])).sum(1)).mean().item()
        tau = 1 / self.classes
        unsupervised = (1 - tau) * apart + tau * collided
        bound = (unsupervised - tau) / (1 - tau)
        return Sides(unsupervised, bound, supervised, collided, tau)
