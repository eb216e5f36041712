"""Batches made where the pictures live: gathered as uint8, cropped, mirrored, then normalised."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor
from torch.nn import functional

from labkit.data.checks import whole
from labkit.data.types import Batch, Dataset, Split

PAD = 4  # pixels of black added on each side before the crop


def batches(
    dataset: Dataset,
    split: str = "train",
    *,
    batch_size: int,
    order: Generator | None,
    augment: Generator | None,
) -> Iterator[Batch]:
    """One epoch of `split` as normalised batches of `batch_size` pictures.

    `order=None` keeps the stored order and the shorter last part; with a generator the
    pictures are shuffled and a shorter last part is dropped unless it is the only one.
    `augment` moves each picture by up to 4 pixels and mirrors every second one or so.
    Equal generator states give equal batches; a CPU generator serves data on any device.
    ValueError for an unknown split or batch_size < 1.
    """
    source = dataset.split(split)
    return _epoch(dataset, source, whole("batch_size", batch_size), order, augment)


def _epoch(
    dataset: Dataset, source: Split, size: int, order: Generator | None, augment: Generator | None
) -> Iterator[Batch]:
    count = len(source)
    index = _positions(count, order, source.labels.device)
    stop = count - count % size if order is not None and count >= size else count
    for start in range(0, stop, size):
        rows = index[start : start + size]
        pixels = source.images[rows]
        if augment is not None:
            pixels = crop_and_flip(pixels, augment)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        yield Batch(dataset.normalise(pixels), source.labels[rows], rows)


def _positions(count: int, order: Generator | None, device: torch.device) -> Tensor:
    if order is None:
        return torch.arange(count, device=device)
    return torch.randperm(count, generator=order, device=order.device).to(device)


def crop_and_flip(images: Tensor, generator: Generator) -> Tensor:
    """uint8 [B, 3, H, W]: each moved by -4..4 pixels both ways (black outside), half mirrored."""
    count, _, height, width = images.shape
    place = generator.device
    down, right, mirror = (
        torch.randint(high, (count, 1), generator=generator, device=place).to(images.device)
        for high in (2 * PAD + 1, 2 * PAD + 1, 2)
    )  # [B, 1] each
    rows = down + torch.arange(height, device=images.device)  # [B, H]
    columns = torch.arange(width, device=images.device)
    columns = right + torch.where(mirror == 1, columns.flip(0), columns)  # [B, W]
    padded = functional.pad(images, (PAD, PAD, PAD, PAD))
    which = torch.arange(count, device=images.device)[:, None, None]
    # Index tensors on both sides of a slice: the channels come out last, as convolutions like them.
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
