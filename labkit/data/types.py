"""What every data source returns: splits of uint8 pictures, and the data set that holds three."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from labkit.errors import unknown

SIDE = 32  # height and width of every picture, in pixels
SPLITS = ("train", "val", "test")


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
        return Split(
            self.images[index],
            self.labels[index],
            {name: value[index] for name, value in self.factors.items()},
            None if self.masks is None else self.masks[index],
        )


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
        """The same data set with every tensor on `device`."""
        return Dataset(
            self.name,
            self.class_names,
            self.train.to(device),
            self.val.to(device),
            self.test.to(device),
            None if self.coarse is None else self.coarse.to(device),
            self.coarse_names,
            self.mean.to(device),
            self.std.to(device),
        )

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 pictures [B, 3, 32, 32] as float32 with zero mean and unit spread per channel."""
        scale = (1 / (255 * self.std)).to(images.device).view(1, 3, 1, 1)
        shift = (-self.mean / self.std).to(images.device).view(1, 3, 1, 1)
        return images.float().mul_(scale).add_(shift)


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
