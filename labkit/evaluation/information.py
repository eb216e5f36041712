"""Information between two things that take few values, counted: entropies in nats."""

import math

import torch
from torch import Tensor

from labkit.errors import between


def entropy(values: Tensor) -> float:
    """Entropy of the values' frequencies, in nats: 0 if they are all the same, at most log N.

    values: int64 [N]. Counting few examples gives less than the truth (plug-in estimate).
    """
    share = values.flatten().unique(return_counts=True)[1].double() / values.numel()
    return -(share * share.log()).sum().item()


def mutual_information(a: Tensor, b: Tensor) -> float:
    """I(a; b) = H(a) + H(b) - H(a, b) of paired values, in nats, 0 to min(H(a), H(b)).

    a, b: int64 [N] each. Counted from few examples it is above the truth, by about
    (cells - rows - columns + 1) / (2 N). ValueError unless they are as long as each other.
    """
    if a.shape != b.shape:
        raise ValueError(f"a and b must be as long, got {list(a.shape)} and {list(b.shape)}")
    a, b = (x.flatten().unique(return_inverse=True)[1] for x in (a, b))
    pairs = a * (int(b.max()) + 1) + b
    return max(0.0, entropy(a) + entropy(b) - entropy(pairs))


def background_information(bias: float, colours: int = 20) -> float:
    """What Motif-100's background colour tells of the shape at a `bias` in 0..1, in nats, exactly.

    The ground has the shape's own colour with probability own = bias + (1 - bias) / C, every
    other with (1 - bias) / C, and both are uniform: I = log C + own log own + (C - 1) q log q.
    0 at bias 0, log C at bias 1.
    """
    other = (1 - between("bias", bias, 0, 1)) / colours
    own = bias + other
    rest = (colours - 1) * other * math.log(other) if other else 0.0
    return math.log(colours) + own * math.log(own) + rest


def in_bins(values: Tensor, bins: int = 16) -> Tensor:
    """Which of `bins` equally wide parts of its range each value lies in: int64 [N]."""
    low, high = values.min(), values.max()
    width = (high - low).clamp_min(torch.finfo(torch.float32).tiny)
    return ((values - low) / width * bins).long().clamp_max(bins - 1)
