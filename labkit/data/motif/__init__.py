"""Motif-100: pictures that draw themselves, with their truth - 20 shapes by 5 textures.

Fine class = shape * 5 + texture; coarse class = shape.  Signed distances, evaluated straight at
32 x 32, give smooth edges; a counter-based hash gives every number, so picture i of a split is
the same whatever the number of pictures, batch size or device.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from labkit.data.checks import whole
from labkit.data.motif.drawing import draw
from labkit.data.motif.palette import COLOURS, PALETTE
from labkit.data.motif.scene import CLASSES, sample
from labkit.data.motif.shapes import SHAPES
from labkit.data.motif.textures import ADJECTIVES, TEXTURES
from labkit.data.motif.truth import class_overlap, shape_overlap
from labkit.data.types import SPLITS, Dataset, Split, channel_statistics
from labkit.errors import between, unknown

__all__ = [
    "CLASSES", "COLOURS", "PALETTE", "SHAPES", "TEXTURES", "class_name", "class_overlap",
    "contact_sheet", "load", "render", "shape_overlap",
]  # fmt: skip
BLOCKS = 2  # blocks of 100 pictures drawn at once: few enough for the cache, many for the overhead
SIZES = {"train": 5000, "val": 1000, "test": 2000}


def class_name(label: int) -> str:
    """The fine class's name, "striped five-point star"; ValueError unless 0 <= label < 100."""
    label = whole("label", label, minimum=0)
    if label >= CLASSES:
        raise ValueError(f"label must be below {CLASSES}, got {label}")
    return f"{ADJECTIVES[label % len(TEXTURES)]} {SHAPES[label // len(TEXTURES)]}"


def render(
    count: int,
    *,
    split: str = "train",
    seed: int = 0,
    difficulty: float = 0.3,
    device: torch.device | str = "cpu",
) -> Split:
    """The first `count` pictures of a split, with factors and masks, on `device`.

    Classes are balanced: every hundred pictures hold each class once.  `difficulty` in 0..1
    scales every nuisance.  ValueError names a bad argument.
    """
    count = whole("count", count)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    difficulty = between("difficulty", difficulty, 0, 1)
    seed, number, device = whole("seed", seed, minimum=0), SPLITS.index(split), torch.device(device)
    canvas = device if device.type == "cuda" else torch.device("cpu")  # others lack an operation
    with _one_thread():
        parts = [
            _chunk(seed, number, start // CLASSES, difficulty, canvas)
            for start in range(0, count, BLOCKS * CLASSES)
        ]
        return _join(parts, count).to(device)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Many short steps: on a busy machine threads wait for each other far longer than they save."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _chunk(seed: int, split: int, block: int, difficulty: float, device: torch.device) -> Split:
    """BLOCKS * 100 pictures from `block` on, always drawn together so that their pixels agree."""
    blocks = torch.arange(block, block + BLOCKS, device=device)
    index, scene = sample(seed, split, blocks, difficulty)
    images, masks = draw(scene)
    labels = scene.factors["shape"] * len(TEXTURES) + scene.factors["texture"]
    return Split(images, labels, scene.factors, masks).subset(index.argsort())


def _join(parts: list[Split], count: int) -> Split:
    def joined(values: list[Tensor]) -> Tensor:
        return torch.cat(values)[:count]

    masks = [part.masks for part in parts if part.masks is not None]
    factors = {name: joined([p.factors[name] for p in parts]) for name in parts[0].factors}
    images, labels = joined([p.images for p in parts]), joined([p.labels for p in parts])
    return Split(images, labels, factors, joined(masks))


def load(
    *,
    train: int | None = None,
    val: int | None = None,
    test: int | None = None,
    seed: int = 0,
    difficulty: float = 0.3,
    device: torch.device | str = "cpu",
) -> Dataset:
    """Motif-100 with `train`, `val` and `test` pictures (5000, 1000, 2000 unless given)."""
    asked = {"train": train, "val": val, "test": test}
    sizes = {
        name: SIZES[name] if size is None else whole(name, size) for name, size in asked.items()
    }
    first, second, third = (
        render(sizes[name], split=name, seed=seed, difficulty=difficulty, device=device)
        for name in SPLITS
    )
    mean, std = channel_statistics(first.images)
    names = tuple(class_name(label) for label in range(CLASSES))
    coarse = torch.arange(CLASSES, device=first.labels.device) // len(TEXTURES)
    return Dataset("motif100", names, first, second, third, coarse, SHAPES, mean, std)


def contact_sheet(split: Split, *, columns: int = 3) -> Tensor:
    """uint8 [3, 20 * 32, 5 * columns * 32]: a row per shape, `columns` pictures per texture.

    Classes with fewer pictures repeat theirs; ValueError if one has none.
    """
    rows = []
    for label in range(CLASSES):
        own = (split.labels == label).nonzero().flatten()
        if len(own) == 0:
            raise ValueError(f"split has no picture of class {label} ({class_name(label)})")
        rows.append(own[torch.arange(columns, device=own.device) % len(own)])
    tiles = split.images[torch.stack(rows).flatten()].unflatten(0, (len(SHAPES), -1))
    return tiles.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)
