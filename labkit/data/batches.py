"""Batches made where the pictures live: gathered as uint8, augmented, then normalised."""

from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor

from labkit.data.augment import Recipe, augmented, known
from labkit.data.threads import one_thread
from labkit.data.types import Batch, Dataset, Split
from labkit.errors import whole


def batches(
    dataset: Dataset,
    split: str = "train",
    *,
    batch_size: int,
    order: Generator | None,
    augment: Generator | None,
    recipe: str | Recipe = "crop-flip",
    views: int = 1,
    epoch: int = 0,
    device: torch.device | str | None = None,
) -> Iterator[Batch]:
    """One epoch of `split` as normalised batches of `batch_size` pictures.

    `order=None` keeps the stored order and the shorter last part; with a generator the
    pictures are shuffled and a shorter last part is dropped unless it is the only one.
    `augment` draws what `recipe` needs: a name in `augment.RECIPES` or a function of (images,
    generator). `epoch` turns alternating flips. Equal generator states give equal batches; a CPU
    generator serves data on any device.

    One view is the default for distillation too: teacher and student see the same crop, because
    what the teacher says of another crop is no answer to what the student was shown (Beyer et al.
    2022 call this consistent teaching). `views=2` adds a second, independent augmentation of the
    same pictures, as `Batch.second`.

    `device` is where batches are wanted if not where the pictures are (a set too large for the
    GPU): raw pictures are moved batch by batch and augmented there.
    ValueError for an unknown split or recipe, batch_size < 1, other views, or two without augment.
    """
    source = dataset.split(split)
    size, epoch = whole("batch_size", batch_size), whole("epoch", epoch, minimum=0)
    if whole("views", views) > 2 or (views == 2 and augment is None):
        raise ValueError(f"views must be 1, or 2 with an augment generator, got {views}")
    if not callable(recipe):
        known(recipe)
    place = source.labels.device if device is None else torch.device(device)

    def view(images: Tensor, rows: Tensor) -> Tensor:
        if augment is not None:
            images = augmented(images, recipe, augment, rows, epoch)
        # In this order: channels side by side would be ten times slower to normalise.
        return dataset.normalise(images).contiguous(memory_format=torch.channels_last)

    return _epoch(source, size, order, place, view, views)


def _epoch(
    source: Split,
    size: int,
    order: Generator | None,
    device: torch.device,
    view: Callable[[Tensor, Tensor], Tensor],
    views: int,
) -> Iterator[Batch]:
    count = len(source)
    index = _positions(count, order, source.labels.device)
    stop = count - count % size if order is not None and count >= size else count
    for start in range(0, stop, size):
        with one_thread():
            images, labels, rows = _gathered(source, index[start : start + size], device)
            first, *second = (view(images, rows) for _ in range(views))
        yield Batch(first, labels, rows, *second)


def _gathered(source: Split, rows: Tensor, device: torch.device) -> list[Tensor]:
    """Raw pictures uint8 [B, 3, H, W], labels [B] and `rows` itself, on `device`."""
    part = [source.images.index_select(0, rows), source.labels.index_select(0, rows), rows]
    if device.type == "cuda" and rows.device.type == "cpu":  # pinned, a copy waits for nobody
        return [value.pin_memory().to(device, non_blocking=True) for value in part]
    return [value.to(device) for value in part]


def _positions(count: int, order: Generator | None, device: torch.device) -> Tensor:
    if order is None:
        return torch.arange(count, device=device)
    return torch.randperm(count, generator=order, device=order.device).to(device)
