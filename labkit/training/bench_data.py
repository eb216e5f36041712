"""Speed of the data path, measured in one run: batches beside torchvision's, drawing, reading."""

import os
import pickle
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.transforms import v2

from labkit import data
from labkit.data.types import channel_statistics
from labkit.training.bench import seconds_of
from labkit.training.device import pick_device
from labkit.training.records import versions

BATCH = 128


def bench_data(
    *, rounds: int = 5, pictures: int = 20_000, drawn: int = 50_000, files: int = 60_000
) -> dict[str, Any]:
    """Images/s of batches over `pictures`; seconds to draw `drawn` and to read `files` JPEGs.

    Batches of 128 are moved, mirrored, normalised and ready for the network: medians over `rounds`
    epochs of each way in turn.  "first" starts from an empty local store, "second" from what the
    first left in it.  0 for a size leaves that part out.
    """
    device = pick_device()
    result: dict[str, Any] = {"versions": versions(device)}
    with tempfile.TemporaryDirectory() as scratch, _store(Path(scratch) / "store"):
        if pictures:
            _say("batches: ours and torchvision's in turn")
            result["batches"] = _batches(Path(scratch), pictures, rounds, device)
        if drawn:
            _say(f"Motif-100: {drawn:,} pictures drawn, then read")
            result["motif100"] = {"pictures": drawn} | _twice(
                lambda: data.load("motif100", train=drawn, val=100, test=100)
            )
        if files:
            _say(f"a folder: {files:,} files written, read, read again")
            tree = write_tree(Path(scratch) / "tree", files)
            result["folder"] = {"files": files} | _twice(
                lambda: data.load(f"folder:{tree}", progress=False)
            )
    return result


def _say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


@contextmanager
def _store(place: Path) -> Iterator[None]:
    """The local store is empty and elsewhere for a while: what is timed first is made first."""
    before = os.environ.get("LABKIT_DATA")
    os.environ["LABKIT_DATA"] = str(place)
    try:
        yield
    finally:
        os.environ.pop("LABKIT_DATA")
        if before is not None:
            os.environ["LABKIT_DATA"] = before


def _twice(load: Callable[[], Any]) -> dict[str, float]:
    return {f"{which}_seconds": round(seconds_of(load), 3) for which in ("first", "second")}


class WrittenCIFAR10(datasets.CIFAR10):
    """torchvision's reader, for files in CIFAR-10's own format that we wrote: no known digests."""

    train_list = [[f"data_batch_{number}", None] for number in range(1, 6)]  # noqa: RUF012
    test_list: list[Any] = []  # noqa: RUF012
    meta = {"filename": "batches.meta", "key": "label_names", "md5": None}  # noqa: RUF012


def write_cifar10(root: Path, split: data.Split) -> None:
    """Five pickles of pictures uint8 [N, 3072] with labels, as CIFAR-10's archive holds them."""
    folder = root / datasets.CIFAR10.base_folder
    folder.mkdir(parents=True)
    parts = zip(split.images.flatten(1).chunk(5), (split.labels % 10).chunk(5), strict=True)
    for number, (images, labels) in enumerate(parts, 1):
        content = {"data": images.numpy(), "labels": labels.tolist()}
        (folder / f"data_batch_{number}").write_bytes(pickle.dumps(content))
    names = {"label_names": [str(label) for label in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(names))


def write_tree(root: Path, files: int) -> Path:
    """`files` JPEG pictures of Motif-100 below `root`, one folder per class; returns `root`."""
    split = data.motif.render(files)
    pixels = split.images.permute(0, 2, 3, 1).numpy()
    for label in split.labels.unique().tolist():
        (root / f"class{label}").mkdir(parents=True)

    def write(row: int) -> None:
        place = root / f"class{int(split.labels[row])}" / f"{row}.jpg"
        Image.fromarray(pixels[row]).save(place, quality=90)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(files)))
    return root


def _theirs(root: Path, dataset: data.Dataset) -> Callable[[], DataLoader]:
    """The usual way: a transform per picture in two worker processes that stay between epochs."""
    steps = v2.Compose(
        [
            v2.RandomCrop(32, padding=4),
            v2.RandomHorizontalFlip(),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(dataset.mean.tolist(), dataset.std.tolist()),
        ]
    )
    pictures = WrittenCIFAR10(root, train=True, transform=steps)
    loader: DataLoader = DataLoader(
        pictures, BATCH, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True
    )
    return lambda: loader


def _ours(dataset: data.Dataset, size: int = BATCH) -> Iterator[data.Batch]:
    order, augment = (torch.Generator().manual_seed(seed) for seed in (0, 1))
    return data.batches(dataset, batch_size=size, order=order, augment=augment)


def _rate(way: Callable[[], Iterable[Any]]) -> float:
    """Images per second of one epoch."""
    counts: list[int] = []

    def epoch() -> None:
        counts.extend(len(labels) for _, labels, *_ in way())
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    seconds = seconds_of(epoch)
    return sum(counts) / seconds


def _batches(scratch: Path, count: int, rounds: int, device: torch.device) -> dict[str, Any]:
    """Images/s of both ways on the CPU, in turn; of ours also on a GPU that is there."""
    split = data.motif.render(count)
    mean, std = channel_statistics(split.images)
    names = tuple(str(label) for label in range(100))
    dataset = data.Dataset("bench", names, split, split, split, None, (), mean, std)
    write_cifar10(scratch, split)
    ways: dict[str, Callable[[], Iterable[Any]]]
    ways = {"torchvision": _theirs(scratch, dataset), "ours": lambda: _ours(dataset)}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):  # the first round warms up: workers start, memory is taken
        for name, way in ways.items():
            rates[name].append(_rate(way))
    middle = {name: statistics.median(values[1:]) for name, values in rates.items()}
    result: dict[str, float] = {f"{name}_images_per_second": round(middle[name]) for name in ways}
    result["ratio"] = round(middle["ours"] / middle["torchvision"], 1)
    if device.type != "cpu":
        moved = dataset.to(device)
        for size in (BATCH, 8 * BATCH):  # the first is bound by launching kernels
            best = max(_rate(lambda: _ours(moved, size)) for _ in range(rounds + 1))  # noqa: B023
            result[f"ours_{device.type}_batch_{size}_images_per_second"] = round(best)
    return result
