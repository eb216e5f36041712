"""What every data source returns: splits of uint8 pictures, and the data set that holds three."""

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from labkit.errors import unknown, whole

SIDE = 32  # height and width of every picture, in pixels
SPLITS = ("train", "val", "test")
SHARE = 0.6  # of a GPU's free memory that pictures may take: the rest is for training


@dataclass(frozen=True)
class Split:
    """Pictures and labels on one device; `factors` and `masks` only where the truth is known."""

    images: Tensor  # uint8 [N, 3, 32, 32]
    labels: Tensor  # int64 [N]
    factors: dict[str, Tensor] = field(default_factory=dict)  # each [N] or [N, k]
    masks: Tensor | None = None  # bool [N, 32, 32], the object's pixels

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Split":
        """The same split on `device`."""
        return Split(
            self.images.to(device),
            self.labels.to(device),
            {name: value.to(device) for name, value in self.factors.items()},
            None if self.masks is None else self.masks.to(device),
        )

    def subset(self, index: Tensor) -> "Split":
        """The rows named by `index` (int64 [M] positions or bool [N]), in that order."""
        index = index.to(self.labels.device)
        rows = index.nonzero()[:, 0] if index.dtype == torch.bool else index
        return Split(
            self.images.index_select(0, rows),  # several times faster than images[rows]
            self.labels[index],
            {name: value[index] for name, value in self.factors.items()},
            None if self.masks is None else self.masks[index],
        )

    def balanced(self, count: int, seed: int = 0) -> Tensor:
        """int64 [count]: positions of pictures drawn with `seed`, as many per class as possible.

        A larger count contains a smaller one, in the same order; classes that run out are made
        up for by the others.  ValueError unless 1 <= count <= the number of pictures.
        """
        if whole("count", count) > len(self):
            raise ValueError(f"count must be at most {len(self)}, the split's size, got {count}")
        generator = torch.Generator().manual_seed(whole("seed", seed, minimum=0))
        shuffled = torch.randperm(len(self), generator=generator)
        labels, grouped = self.labels.cpu()[shuffled].sort(stable=True)
        turn = torch.arange(len(self)) - torch.searchsorted(labels, labels)  # of its class: 0, 1 ..
        order = (turn * len(self) + grouped).argsort()  # every class's first, then every second ..
        return shuffled[grouped[order[:count]]].to(self.labels.device)

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors, the truth included."""
        truth = [*self.factors.values(), *([] if self.masks is None else [self.masks])]
        return sum(value.nbytes for value in (self.images, self.labels, *truth))


@dataclass(frozen=True)
class Dataset:
    """Three splits with the same classes, and the train split's mean and spread, pixels in 0..1."""

    name: str
    class_names: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    coarse: Tensor | None  # int64 [C], fine class -> coarse class
    coarse_names: tuple[str, ...]
    mean: Tensor  # float32 [3]
    std: Tensor  # float32 [3]
    arguments: Mapping[str, Any] = field(default_factory=dict)  # of the `data.load` that made it

    @property
    def classes(self) -> int:
        """Number of fine classes."""
        return len(self.class_names)

    def split(self, name: str) -> Split:
        """The split called `name`; ValueError unless it is train, val or test."""
        if name not in SPLITS:
            raise unknown("split", name, SPLITS)
        return {"train": self.train, "val": self.val, "test": self.test}[name]

    def to(self, device: torch.device | str) -> "Dataset":
        """The same data set with every tensor on `device`, if there is room.

        Splits that would take more than 60 % of a GPU's free memory stay where they are, with a
        warning: `batches(..., device=device)` then moves batch by batch.
        """
        device = torch.device(device)
        parts = [self.split(name) for name in SPLITS]
        size = sum(part.nbytes for part in parts if part.labels.device.type != device.type)
        free = free_bytes(device)
        if fits(size, free):
            parts = [part.to(device) for part in parts]
        else:
            warnings.warn(
                f"{self.name} needs {size / 1e9:.2f} GB, too much for the {free / 1e9:.2f} GB free "
                f"on {device}: it stays in host memory and batches are moved one by one",
                stacklevel=2,
            )
        train, val, test = parts
        coarse = None if self.coarse is None else self.coarse.to(device)
        mean, std = self.mean.to(device), self.std.to(device)
        return replace(self, train=train, val=val, test=test, coarse=coarse, mean=mean, std=std)

    @cached_property
    def digest(self) -> str:
        """sha256 of every split's pictures and labels: equal digests, equal data; 64 hex digits."""
        sums = hashlib.sha256()
        for part in (self.split(name) for name in SPLITS):
            for value in (part.images, part.labels):
                sums.update(value.cpu().contiguous().view(torch.uint8).numpy().data)
        return sums.hexdigest()

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 pictures [B, 3, 32, 32] as float32 with zero mean and unit spread per channel."""
        scale, shift = (value.to(images.device) for value in self._line)
        return images.float().mul_(scale).add_(shift)

    @cached_property
    def _line(self) -> tuple[Tensor, Tensor]:
        """Slope and offset of normalising, [1, 3, 1, 1] each: once, not for every batch."""
        slope, offset = 1 / (255 * self.std), -self.mean / self.std
        return slope.view(1, 3, 1, 1), offset.view(1, 3, 1, 1)


def free_bytes(device: torch.device) -> float:
    """Memory free on a GPU, in bytes; infinite elsewhere, where nothing better could be done."""
    if device.type != "cuda":
        return float("inf")
    return float(torch.cuda.mem_get_info(device)[0])


def fits(size: float, free: float) -> bool:
    """Whether `size` bytes of pictures leave enough of `free` bytes to train in."""
    return size <= SHARE * free


def channel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per channel, float32 [3] each, of uint8 [N, 3, H, W] in 0..1."""
    shades = torch.arange(256, device="cpu", dtype=torch.float64) / 255
    counts = torch.stack([torch.bincount(images[:, c].flatten(), minlength=256) for c in range(3)])
    counts = counts.cpu().double()  # [3, 256]; not every device has double precision
    share = counts / counts.sum(1, keepdim=True)
    mean = share @ shades
    std = (share @ shades.square() - mean.square()).clamp_min(1e-6).sqrt()
    return mean.float().to(images.device), std.float().to(images.device)


class Batch(NamedTuple):
    """What a method sees; teacher and student get the same one, hence the same crops."""

    images: Tensor  # float32 [B, 3, 32, 32], normalised, channels_last
    labels: Tensor  # int64 [B]
    index: Tensor  # type: ignore[assignment]  # int64 [B], position in the split; hides tuple.index
    second: Tensor | None = None  # like images: another augmentation of them, if asked for
