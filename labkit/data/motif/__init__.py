"""Motif-100: pictures that draw themselves, with their truth - 20 shapes by 5 textures.

Fine class = shape * 5 + texture; coarse class = shape.  Signed distances, evaluated straight at
32 x 32, give smooth edges; a counter-based hash gives every number, so picture i of a split is
the same whatever the number of pictures, batch size or device.
"""

import torch
from torch import Tensor

from labkit.data import store
from labkit.data.motif import exact
from labkit.data.motif.drawing import draw
from labkit.data.motif.exact import bayes_posterior
from labkit.data.motif.palette import COLOURS, PALETTE
from labkit.data.motif.scene import CLASSES, sample
from labkit.data.motif.shapes import SHAPES
from labkit.data.motif.textures import ADJECTIVES, TEXTURES
from labkit.data.motif.truth import class_overlap, shape_overlap
from labkit.data.threads import one_thread
from labkit.data.types import SPLITS, Dataset, Split, channel_statistics
from labkit.errors import between, unknown, whole

__all__ = [
    "CLASSES", "COLOURS", "PALETTE", "SHAPES", "TEXTURES", "bayes_posterior", "class_name",
    "class_overlap", "contact_sheet", "exact", "load", "load_exact", "render", "shape_overlap",
]  # fmt: skip
VERSION = 1  # of the pictures: raise it when any pixel changes, and stored copies are drawn anew
BLOCKS = 2  # blocks of 100 pictures drawn at once: few enough for the cache, many for the overhead
KEEP = 10_000  # pictures of a split from which on a stored copy beats drawing
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
    bias: float = 0.0,
    device: torch.device | str = "cpu",
) -> Split:
    """The first `count` pictures of a split, with factors and masks, on `device`.

    Classes are balanced: every hundred pictures hold each class once.  `difficulty` in 0..1
    scales every nuisance.  `bias` in 0..1 is the probability that the ground has the colour that
    belongs to the shape, `COLOURS[shape]`; otherwise it is any of the 20, each as likely.
    ValueError names a bad argument.
    """
    count = whole("count", count)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    difficulty, bias = between("difficulty", difficulty, 0, 1), between("bias", bias, 0, 1)
    seed, number, device = whole("seed", seed, minimum=0), SPLITS.index(split), torch.device(device)
    canvas = device if device.type == "cuda" else torch.device("cpu")  # others lack an operation
    with one_thread():
        parts = [
            _chunk(seed, number, start // CLASSES, (difficulty, bias), canvas)
            for start in range(0, count, BLOCKS * CLASSES)
        ]
        return _join(parts, count).to(device)


def _chunk(
    seed: int, split: int, block: int, knobs: tuple[float, float], device: torch.device
) -> Split:
    """BLOCKS * 100 pictures from `block` on, always drawn together so that their pixels agree."""
    blocks = torch.arange(block, block + BLOCKS, device=device)
    index, scene = sample(seed, split, blocks, *knobs)
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
    bias: float = 0.0,
    device: torch.device | str = "cpu",
) -> Dataset:
    """Motif-100 with `train`, `val` and `test` pictures (5000, 1000, 2000 unless given).

    `bias` ties shape and background in train and val, as a careless collection would; test is
    always unbiased and shows what the shortcut costs.
    Splits of 10,000 pictures and more are kept in the local store and read from it next time.
    """
    sizes = _sizes(train, val, test)
    knobs = {"seed": seed, "difficulty": difficulty}
    ties = {"train": bias, "val": bias, "test": 0.0}
    splits = [
        _kept(sizes[name], name, {**knobs, "bias": ties[name]}, torch.device(device))
        for name in SPLITS
    ]
    return _dataset("motif100", splits)


def load_exact(
    *,
    train: int | None = None,
    val: int | None = None,
    test: int | None = None,
    seed: int = 0,
    noise: float = exact.NOISE,
    device: torch.device | str = "cpu",
) -> Dataset:
    """Motif-100 at the setting where `bayes_posterior` is exact; see `motif.exact`."""
    splits = [
        exact.render(size, split=name, seed=seed, noise=noise, device=device)
        for name, size in _sizes(train, val, test).items()
    ]
    return _dataset("motif100-exact", splits)


def _sizes(train: int | None, val: int | None, test: int | None) -> dict[str, int]:
    asked = zip(SPLITS, (train, val, test), strict=True)
    return {name: SIZES[name] if size is None else whole(name, size) for name, size in asked}


def _dataset(name: str, splits: list[Split]) -> Dataset:
    first, second, third = splits
    mean, std = channel_statistics(first.images)
    names = tuple(class_name(label) for label in range(CLASSES))
    coarse = torch.arange(CLASSES, device=first.labels.device) // len(TEXTURES)
    return Dataset(name, names, first, second, third, coarse, SHAPES, mean, std)


def _kept(count: int, split: str, knobs: dict[str, float], device: torch.device) -> Split:
    """A split drawn now or, where that takes seconds, read back; a GPU draws faster than that."""
    if count < KEEP or device.type == "cuda":
        return render(count, split=split, device=device, **knobs)  # type: ignore[arg-type]

    def make() -> dict[str, Tensor]:
        drawn = render(count, split=split, **knobs)  # type: ignore[arg-type]
        assert drawn.masks is not None
        return {
            "images": drawn.images,
            "labels": drawn.labels,
            "masks": drawn.masks,
        } | drawn.factors

    facts = {"version": VERSION, "count": count, "split": split, **knobs}
    tensors = store.remember(f"motif100-{split}", facts, make).tensors
    named = [tensors.pop(name) for name in ("images", "labels", "masks")]
    return Split(named[0], named[1], tensors, named[2]).to(device)


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
