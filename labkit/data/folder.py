"""Your own pictures: one folder per class, with or without train, val and test folders on top."""

import os
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from labkit.data.checks import whole
from labkit.data.decoding import read_images
from labkit.data.types import SPLITS, Dataset, Split, channel_statistics
from labkit.errors import unknown

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
SPLIT_FOLDERS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
HELD_OUT = 0.1  # share of each class that becomes a split the folder lacks

Files = dict[str, list[Path]]  # class name -> image files


def load(
    path: str | Path,
    *,
    train: int | None = None,
    val: int | None = None,
    test: int | None = None,
    seed: int = 0,
    on_bad_image: str = "raise",
    progress: bool = True,
) -> Dataset:
    """Read the tree at `path` (~ allowed), every picture scaled and centre-cropped to 32 x 32.

    A split without a folder is drawn with `seed` from the training folder, a tenth of each
    class.  A number takes that many pictures, spread evenly over the classes, and only those
    are read; a larger number contains the pictures of a smaller one.
    FileNotFoundError or NotADirectoryError for the path; ValueError for anything else.
    """
    sizes = {"train": train, "val": val, "test": test}
    sizes = {name: size if size is None else whole(name, size) for name, size in sizes.items()}
    seed = whole("seed", seed, minimum=0)
    if on_bad_image not in ("raise", "skip"):
        raise unknown("on_bad_image", on_bad_image, ("raise", "skip"))
    root = _existing(path)
    files = find_splits(root, seed)
    names = tuple(sorted(files["train"], key=natural))
    chosen = {name: _choose(root, files[name], names, name, sizes[name]) for name in SPLITS}
    first, second, third = (
        _read(chosen[name], names, name, on_bad_image, progress) for name in SPLITS
    )
    mean, std = channel_statistics(first.images)
    return Dataset(f"folder:{root}", names, first, second, third, None, (), mean, std)


def natural(name: str) -> list[str | int]:
    """Sort key that puts class2 before class10 and ignores case."""
    return [int(part) if part.isdecimal() else part.lower() for part in re.split(r"(\d+)", name)]


def _existing(path: str | Path) -> Path:
    if not str(path).strip():
        raise ValueError('folder: needs a path, as in "folder:~/pictures"')
    root = Path(path).expanduser()
    if not root.exists():
        raise FileNotFoundError(f"folder {str(root)!r} does not exist")
    if not root.is_dir():
        raise NotADirectoryError(f"{str(root)!r} is a file: name the folder that holds the classes")
    return root


def find_splits(root: Path, seed: int) -> dict[str, Files]:
    """Image files of train, val and test, by class; ValueError where the tree makes no sense."""
    found: dict[str, Files] = {}
    for folder in _split_folders(root):
        split = SPLIT_FOLDERS[folder.name.lower()]
        if split in found:
            raise ValueError(f"{root} has two folders for {split}, one is {folder.name!r}")
        found[split] = _classes(folder)
    if not found:
        found["train"] = _classes(root)
    for split, files in found.items():
        _same_classes(root, found["train"], files, split)
    missing = [split for split in SPLITS if split not in found]
    found |= _hold_out(found["train"], missing, seed)
    return {split: _shuffled(found[split], f"{seed}/{split}") for split in SPLITS}


def _split_folders(root: Path) -> list[Path]:
    """Folders on top that are splits: only if one is train and holds folders, not pictures."""
    folders = [f for f in _folders(root) if f.name.lower() in SPLIT_FOLDERS and _folders(f)]
    trains = [f for f in folders if SPLIT_FOLDERS[f.name.lower()] == "train"]
    return folders if trains else []


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _classes(root: Path) -> Files:
    """Class folders with at least one image; at least two of them, or ValueError."""
    files = {folder.name: _images(folder) for folder in _folders(root)}
    files = {name: paths for name, paths in files.items() if paths}
    expected = "expected one folder per class with images in it, as in cat/1.jpg and dog/1.jpg"
    if not files:
        loose = "only images outside class folders" if _images(root) else "no images"
        raise ValueError(f"{root} has {loose}: {expected}")
    if len(files) == 1:
        only = next(iter(files))
        inner = _folders(root / only)
        hint = f' (did you mean "folder:{root / only}"?)' if inner else ""
        raise ValueError(f"{root} has only one class, {only!r}, and needs two{hint}: {expected}")
    return files


def _images(folder: Path) -> list[Path]:
    """Image files below `folder`, however deep, in one order on every system."""
    found = [
        os.path.join(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES
    ]
    return [Path(name) for name in sorted(found)]


def _same_classes(root: Path, train: Files, other: Files, split: str) -> None:
    lacking, extra = sorted(train.keys() - other.keys()), sorted(other.keys() - train.keys())
    if lacking or extra:
        raise ValueError(
            f"{root}: the classes of {split} and train differ: {split} lacks {lacking or 'none'} "
            f"and has besides {extra or 'none'}"
        )


def _hold_out(train: Files, missing: Sequence[str], seed: int) -> dict[str, Files]:
    """Move a seeded tenth (at least one picture) of each class of `train` to every missing split.

    A class with too few pictures to leave one for training keeps them all.
    """
    held: dict[str, Files] = {split: {} for split in missing}
    for name, paths in _shuffled(train, f"{seed}/hold out").items():
        count = max(1, round(HELD_OUT * len(paths)))
        count = count if len(paths) > len(missing) * count else 0
        for part, split in enumerate(missing):
            held[split][name] = paths[part * count : (part + 1) * count]
        train[name] = paths[len(missing) * count :]
    return held


def _shuffled(files: Mapping[str, Sequence[Path]], stream: str) -> Files:
    """Each class's files in an order that depends on the stream and the class name alone."""
    return {
        name: random.Random(f"{stream}/{name}").sample(paths, len(paths))
        for name, paths in files.items()
    }


def _choose(
    root: Path, files: Files, names: Sequence[str], split: str, size: int | None
) -> list[tuple[int, Path]]:
    """(label, file) taken from the classes in turn, so that any first part is balanced."""
    turns = [
        (turn, label, path)
        for label, name in enumerate(names)
        for turn, path in enumerate(files[name])
    ]
    if not turns:
        raise ValueError(f"{root} has too few images to make a {split} split: add some")
    if size is not None and size > len(turns):
        raise ValueError(f"{split}={size}, but {root} has only {len(turns)} images for {split}")
    return [(label, path) for _, label, path in sorted(turns)[:size]]


def _read(
    chosen: Sequence[tuple[int, Path]],
    names: Sequence[str],
    split: str,
    on_bad_image: str,
    progress: bool,
) -> Split:
    images, kept = read_images(
        [path for _, path in chosen], on_bad_image=on_bad_image, progress=progress
    )
    labels = torch.tensor([label for label, _ in chosen], dtype=torch.int64)
    left = labels[kept]
    lost = sorted(set(labels.tolist()) - set(left.tolist()))
    if lost:
        gone = ", ".join(names[label] for label in lost)
        raise ValueError(f"no image of {gone} in {split} could be read")
    return Split(images, left)
