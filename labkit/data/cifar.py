"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): brought from the net once, then from the store."""

import random

import torch
from torch import Tensor

from labkit.data import fetch
from labkit.data.cifar_sources import KINDS, SIZES, SOURCES, bring
from labkit.data.types import SPLITS, Dataset, Split, channel_statistics
from labkit.errors import unknown, whole

VERSION = 1  # of what is put into the store
HELD_OUT = 10  # one in so many of the original training pictures is for validation


def load(
    name: str,
    *,
    train: int | None = None,
    val: int | None = None,
    test: int | None = None,
    seed: int = 0,
    source: str = "auto",
    progress: bool = True,
) -> Dataset:
    """The data set "cifar10" or "cifar100" from the store, or else from the net.

    Of the original 50,000 training pictures `seed` holds out a tenth of each class as val; test
    is the original 10,000.  A number takes that many, spread evenly over the classes; a larger
    number contains the pictures of a smaller one.  `source` is "hub" (Hugging Face), "archive"
    (the original host) or "auto" (the one, then the other).  The factor "row" is a test picture's
    place in the original file (CIFAR-10H goes by it), and a training picture's in the store.
    ValueError for a bad argument; ConnectionError, with what to do, where no source can be had.
    """
    if name not in KINDS:
        raise unknown("dataset", name, KINDS)
    if source not in SOURCES:
        raise unknown("source", source, SOURCES)
    sizes = {"train": train, "val": val, "test": test}
    sizes = {part: size if size is None else whole(part, size) for part, size in sizes.items()}
    seed = whole("seed", seed, minimum=0)
    tensors = _stored(name, source, progress)
    rows = _rows(name, tensors, sizes, seed)
    first, second, third = (
        _split(tensors, "test" if part == "test" else "train", rows[part]) for part in SPLITS
    )
    names, *coarse_names = KINDS[name].columns.values()
    coarse = tensors["coarse"].long() if coarse_names else None
    mean, std = channel_statistics(first.images)
    groups = coarse_names[0] if coarse_names else ()
    return Dataset(name, names, first, second, third, coarse, groups, mean, std)


def _rows(
    name: str, tensors: dict[str, Tensor], sizes: dict[str, int | None], seed: int
) -> dict[str, Tensor]:
    """Which rows of the original splits make up train, val and test."""
    order = {part: _in_turn(tensors[f"{part}_labels"], f"{seed}/{part}") for part in SIZES}
    held = len(order["train"]) // HELD_OUT
    rows = {
        "train": order["train"][held:],
        "val": order["train"][:held],
        "test": order["test"],
    }
    for part, size in sizes.items():
        if size is not None and size > len(rows[part]):
            raise ValueError(f"{part}={size}, but {name} has only {len(rows[part])} for {part}")
        rows[part] = rows[part][:size]
    return rows


def _in_turn(labels: Tensor, stream: str) -> Tensor:
    """Positions [N] in a random order with the classes in turn: any first part is balanced."""
    count = len(labels)
    order = torch.tensor(random.Random(stream).sample(range(count), count))
    labels = labels.long()[order]
    by_class = labels.argsort(stable=True)  # [N]
    start = labels.bincount().cumsum(0) - labels.bincount()  # [C]
    turn = torch.arange(count) - start[labels[by_class]]
    return order[by_class[turn.argsort(stable=True)]]


def _split(tensors: dict[str, Tensor], part: str, rows: Tensor) -> Split:
    images = tensors[f"{part}_images"].index_select(0, rows)  # copies rows; [rows] copies bytes
    return Split(images, tensors[f"{part}_labels"][rows].long(), {"row": rows})


def _stored(name: str, source: str, progress: bool) -> dict[str, Tensor]:
    """The whole set as the store keeps it: uint8 pictures and labels of train and test."""
    facts = {"version": VERSION, "set": name}
    return fetch.remember(name, facts, lambda folder: bring(name, folder, source, progress))
