"""Your own pictures: one folder per class, with or without train, val and test folders on top."""

import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import PIL
import torch
from torch import Tensor

from labkit.data import store
from labkit.data.decoding import read_images
from labkit.data.tree import Files, find_splits
from labkit.data.types import SIDE, SPLITS, Dataset, Split
from labkit.errors import unknown, whole

VERSION = 1  # of what decoding makes of a file: another number reads every folder again
MANY, LARGE = 2_000, 32_000_000  # pictures or bytes from which a folder is kept in the store
COPIES = 3  # kept of one folder: as it was, or other subsets of it

Chosen = tuple[list[str], list[int]]  # paths and labels


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
    """Read the tree at `path` (~ allowed), every picture's middle square scaled to 32 x 32.

    A split without a folder is drawn with `seed` from the training folder, a tenth of each
    class.  A number takes that many pictures, spread evenly over the classes, and only those
    are read; a larger number contains the pictures of a smaller one.  Of animations the first
    picture is taken.  Links to files and folders are followed, loops are not; what begins with
    a dot is left alone.  From 2,000 pictures or 32 MB on, the pictures are kept in the local
    store until one of the files changes.
    FileNotFoundError, NotADirectoryError or PermissionError for folders; ValueError for the rest.
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
    wanted = sorted(path for paths, _ in chosen.values() for path in paths)
    pictures = _pictures(root, wanted, on_bad_image, progress)
    rows = {path: row for row, path in enumerate(wanted)}
    index = {name: _index(chosen[name], rows, pictures, names, name) for name in SPLITS}
    images = pictures["images"].numpy()  # gathers rows in a third of torch's time
    first, second, third = (
        Split(torch.from_numpy(images[found.numpy()]), labels) for found, labels in index.values()
    )
    mean, std = _statistics(pictures["moments"][index["train"][0]])
    return Dataset(f"folder:{root}", names, first, second, third, None, (), mean, std)


def natural(name: str) -> list[str | int]:
    """Sort key that puts class2 before class10 and ignores case."""
    return [int(part) if part.isdecimal() else part.lower() for part in re.split(r"(\d+)", name)]


def _existing(path: str | Path) -> Path:
    if not str(path).strip():
        raise ValueError('folder: needs a path, as in "folder:~/pictures"')
    root = Path(os.path.expanduser(path)).absolute()
    if not root.exists():
        raise FileNotFoundError(f"folder {str(root)!r} does not exist")
    if not root.is_dir():
        raise NotADirectoryError(f"{str(root)!r} is a file: name the folder that holds the classes")
    return root


def _choose(root: Path, files: Files, names: Sequence[str], split: str, size: int | None) -> Chosen:
    """Files and labels taken from the classes in turn, so that any first part is balanced."""
    count = sum(len(paths) for paths in files.values())
    if not count:
        raise ValueError(f"{root} has too few images to make a {split} split: add some")
    if size is not None and size > count:
        raise ValueError(f"{split}={size}, but {root} has only {count} images for {split}")
    paths: list[str] = []
    labels: list[int] = []
    for label, path in islice(_in_turn([files[name] for name in names]), size):
        paths.append(path)
        labels.append(label)
    return paths, labels


def _in_turn(lists: Sequence[Sequence[str]]) -> Iterator[tuple[int, str]]:
    left, turn = list(enumerate(lists)), 0
    while left := [(label, paths) for label, paths in left if turn < len(paths)]:
        yield from ((label, paths[turn]) for label, paths in left)
        turn += 1


def _pictures(
    root: Path, paths: Sequence[str], on_bad_image: str, progress: bool
) -> dict[str, Tensor]:
    """images uint8 [N, 3, 32, 32], readable bool [N], moments int32 [N, 2, 3]; stored if many."""

    def make() -> dict[str, Tensor]:
        images, readable = read_images(paths, on_bad_image=on_bad_image, progress=progress)
        return {"images": images, "readable": readable, "moments": _moments(images)}

    size, facts = _facts(root, paths)
    if len(paths) < MANY and size < LARGE:
        pictures = make()
    else:
        name = f"folder-{hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:12]}"
        pictures = store.remember(name, facts, make).tensors
        _forget(name)
    _try_again(pictures, paths, on_bad_image)
    lost = _unreadable(pictures)
    if lost:
        text = f"skipped {len(lost)} unreadable images, first {paths[lost[0]]}"
        warnings.warn(text, stacklevel=4)
    return pictures


def _unreadable(pictures: Mapping[str, Tensor]) -> list[int]:
    return (~pictures["readable"]).nonzero().flatten().tolist()


def _try_again(pictures: Mapping[str, Tensor], paths: Sequence[str], on_bad_image: str) -> None:
    """Read what could not be read before, in case a link or a permission has been mended."""
    bad = _unreadable(pictures)
    if bad:
        images, readable = read_images(
            [paths[row] for row in bad], on_bad_image=on_bad_image, progress=False
        )
        pictures["images"][bad], pictures["readable"][bad] = images, readable
        pictures["moments"][bad] = _moments(images)


def _facts(root: Path, paths: Sequence[str]) -> tuple[int, dict[str, object]]:
    """Size of the files in bytes, and all that their stored pictures depend on."""
    start = len(os.path.join(root, ""))
    sizes, times = [], []
    for path in paths:
        try:
            found = os.stat(path)
        except OSError:  # a link to nowhere
            found = os.stat_result([0] * 10)
        sizes.append(found.st_size)
        times.append(found.st_mtime_ns)
    listed = json.dumps([[path[start:] for path in paths], sizes, times])
    digest = hashlib.sha256(listed.encode()).hexdigest()
    return sum(sizes), {"version": VERSION, "pillow": PIL.__version__, "files": digest}


def _forget(name: str) -> None:
    """Delete the oldest copies of one folder, so that the store does not grow for ever."""
    try:
        copies = sorted(store.folder().glob(f"{name}-*.safetensors"), key=os.path.getmtime)
        for old in copies[:-COPIES]:
            old.unlink(missing_ok=True)
            old.with_suffix(".lock").unlink(missing_ok=True)
    except OSError:  # read-only, in use, or another process was quicker
        return


def _moments(images: Tensor) -> Tensor:
    """Sum and sum of squares of each picture's channels, int32 [N, 2, 3], of uint8 [N, 3, H, W]."""
    moments = torch.empty(len(images), 2, 3, dtype=torch.int32)
    for start in range(0, len(images), 1024):
        values = images[start : start + 1024].flatten(2).int()  # [n, 3, H * W]
        moments[start : start + 1024, 0] = values.sum(2)
        moments[start : start + 1024, 1] = values.square().sum(2)
    return moments


def _statistics(moments: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per channel, float32 [3] each, pixels in 0..1."""
    total, squares = moments.sum(0, dtype=torch.int64).double() / (len(moments) * SIDE * SIDE)
    mean = total / 255
    std = (squares / 255**2 - mean.square()).clamp_min(1e-6).sqrt()
    return mean.float(), std.float()


def _index(
    chosen: Chosen,
    rows: Mapping[str, int],
    pictures: Mapping[str, Tensor],
    names: Sequence[str],
    split: str,
) -> tuple[Tensor, Tensor]:
    """Rows among the pictures and labels, int64 [M] each, of a split's readable files."""
    index = torch.tensor([rows[path] for path in chosen[0]])
    labels = torch.tensor(chosen[1])
    kept = pictures["readable"][index]
    lost = sorted(set(labels.tolist()) - set(labels[kept].tolist()))
    if lost:
        gone = ", ".join(names[label] for label in lost)
        raise ValueError(f"no image of {gone} in {split} could be read")
    return index[kept], labels[kept]
