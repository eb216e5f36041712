"""Which images a folder holds, by split and class, and what is wrong with it otherwise."""

import os
import random
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from labkit.data.types import SPLITS

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
SPLIT_FOLDERS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
HELD_OUT = 0.1  # share of each class that becomes a split the folder lacks

# Paths are strings here and lists are flat: with an object for each of 60,000 files the garbage
# collector alone takes longer than the second reading may.
Files = dict[str, list[str]]  # class name -> paths of its images


def find_splits(root: Path, seed: int) -> dict[str, Files]:
    """Image files of train, val and test, by class; ValueError where the tree makes no sense."""
    found: dict[str, Files] = {}
    for folder in _split_folders(root):
        split = SPLIT_FOLDERS[folder.name.lower()]
        if split in found:
            raise ValueError(f"{root} has two folders for {split}, one is {folder.name!r}")
        found[split] = _classes(root, folder)
    if not found:
        found["train"] = _classes(root, root)
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


def _folders(place: Path) -> list[Path]:
    """The folders in `place`, and links to folders, except those that lead back above it."""
    found = [Path(entry.path) for entry in _entries(place) if _is_folder(entry)]
    here = place.resolve()
    return sorted(f for f in found if not (f.is_symlink() and here.is_relative_to(f.resolve())))


def _entries(place: str | Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, hidden names left out; OSError naming a folder that is closed."""
    try:
        with os.scandir(place) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise type(error)(
            f"cannot look into folder {str(place)!r} ({error.strerror}): make it readable, "
            "or move it out of the tree"
        ) from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _classes(root: Path, folder: Path) -> Files:
    """Class folders with at least one image; at least two of them, or ValueError."""
    found = {inner: _images(inner, root) for inner in _folders(folder)}
    full = [inner for inner, files in found.items() if files]
    expected = "expected one folder per class with images in it, as in cat/1.jpg and dog/1.jpg"
    if not full:
        loose = "only images outside class folders" if _images(folder, root) else "no images"
        raise ValueError(f"{folder} has {loose}: {expected}")
    if len(full) == 1:
        only = full[0]
        hint = f' (did you mean "folder:{only}"?)' if _folders(only) else ""
        raise ValueError(
            f"{folder} has only one class, {only.name!r}, and needs two{hint}: {expected}"
        )
    _no_twins(folder, [inner.name for inner in full])
    return {_composed(inner.name): found[inner] for inner in full}


def _composed(name: str) -> str:
    """`name` as every system and every output can hold it: composed accents, no stray bytes."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))


def _no_twins(folder: Path, names: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(_composed(name).lower(), name)
        if twin != name:
            show = ascii if _composed(twin) == _composed(name) else repr
            raise ValueError(
                f"{folder} has two folders for one class, {show(twin)} and {show(name)}, which "
                "differ only in case or in how accents are stored: merge or rename them"
            )


def _images(folder: Path, root: Path) -> list[str]:
    """Image files below `folder`, however deep, sorted.

    A link to a folder is followed out of the tree and all that was followed so far, never back
    into it: no file comes twice, and a loop ends.
    """
    found: list[str] = []
    todo: list[tuple[str, list[Path]]] = [(str(folder), [root.resolve(), folder.resolve()])]
    while todo:
        here, trail = todo.pop()
        for entry in _entries(here):
            if not _is_folder(entry):
                if entry.name.lower().endswith(SUFFIXES) and _is_file(entry):
                    found.append(entry.path)
            elif not entry.is_symlink():
                todo.append((entry.path, trail))
            elif not any(_overlap(target := Path(entry.path).resolve(), place) for place in trail):
                todo.append((entry.path, [*trail, target]))
    return sorted(found)


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Not a pipe, whose reading would never end; a link to nowhere counts: reading says so."""
    if entry.is_symlink():
        return os.path.isfile(entry.path) or not os.path.exists(entry.path)
    return entry.is_file()


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


def _shuffled(files: Mapping[str, Sequence[str]], stream: str) -> Files:
    """Each class's files in an order that depends on the stream and the class name alone."""
    return {
        name: random.Random(f"{stream}/{name}").sample(paths, len(paths))
        for name, paths in files.items()
    }
