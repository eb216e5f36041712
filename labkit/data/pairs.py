"""Pairs of pictures that share an exactly known amount of information.

The first picture is any of a split's. With probability `keep` the second shows the same value of
a factor (shape, texture or class), otherwise any of its C values, each as likely; among the
pictures with that value it is any. Only the factor passes from one to the other, so

    I(first; second) = log C + s log s + (C - 1) q log q,   q = (1 - keep) / C,   s = keep + q

in nats: between the two factors, and between the two pictures too as long as no picture occurs
twice in the split, which is then the whole population. To a network that meets only some of the
pictures, and those noisy, less is visible; no estimate that is a bound may exceed it.
"""

import math

import torch
from torch import Generator, Tensor

from labkit.data.types import Split
from labkit.errors import between, unknown, whole

FACTORS = ("class", "shape", "texture")


def channel_information(keep: float, values: int) -> float:
    """What passes a channel that keeps a value with probability `keep` and else draws it anew.

    In nats, for `values` values that are equally likely: 0 at keep 0, log(values) at keep 1.
    ValueError for keep outside 0..1 and values below 1.
    """
    other = (1 - between("keep", keep, 0, 1)) / whole("values", values)
    same = keep + other
    rest = (values - 1) * other * math.log(other) if other else 0.0
    return math.log(values) + same * math.log(same) + rest


def noisy(values: Tensor, keep: float, count: int, *, generator: Generator) -> Tensor:
    """`values`, int64 [N] in 0..count - 1, each kept with probability `keep`, else drawn anew.

    ValueError for keep outside 0..1 and values outside 0..count - 1.
    """
    keep, count = between("keep", keep, 0, 1), whole("count", count)
    if values.numel() and not 0 <= int(values.min()) <= int(values.max()) < count:
        low, high = int(values.min()), int(values.max())
        raise ValueError(f"values must be 0..{count - 1}, got {low}..{high}")
    kept = torch.rand(values.shape, generator=generator) < keep
    drawn = torch.randint(count, values.shape, generator=generator)
    return torch.where(kept.to(values.device), values, drawn.to(values.device))


class Pairs:
    """A split's pictures by the value of `factor`, to draw pairs from.

    `information` is I(first; second) in nats, as the module says. ValueError for another factor,
    one that the split lacks, keep outside 0..1, or values that are not equally frequent (of
    Motif-100 take a multiple of 100 pictures).
    """

    def __init__(self, split: Split, *, factor: str = "class", keep: float = 1.0) -> None:
        if factor not in FACTORS:
            raise unknown("factor", factor, FACTORS)
        if factor != "class" and factor not in split.factors:
            raise ValueError(f"split knows no {factor!r}: only Motif-100 does, use 'class'")
        self.values = split.labels if factor == "class" else split.factors[factor]  # [N]
        counts = self.values.bincount()
        if len(counts) == 0:
            raise ValueError("split must have pictures, got none")
        low, high = int(counts.min()), int(counts.max())
        if low != high:
            raise ValueError(
                f"split must have every {factor} equally often, got {low} to {high} pictures: "
                "of Motif-100 take a multiple of 100"
            )
        self.keep, self.count = between("keep", keep, 0, 1), len(counts)
        self.by_value = self.values.argsort(stable=True).view(self.count, -1)  # [C, N / C]
        self.information = channel_information(keep, self.count)

    def draw(self, batch: int, *, generator: Generator) -> tuple[Tensor, Tensor]:
        """Positions in the split of `batch` pairs: int64 [batch] each, on the split's device.

        The two are drawn with replacement, the second without regard to which the first was.
        """
        rows = torch.randint(len(self.values), (whole("batch", batch),), generator=generator)
        first = rows.to(self.values.device)
        value = noisy(self.values[first], self.keep, self.count, generator=generator)
        column = torch.randint(self.by_value.shape[1], (batch,), generator=generator)
        return first, self.by_value[value, column.to(first.device)]
