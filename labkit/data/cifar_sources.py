"""Where CIFAR-10 and CIFAR-100 come from: the Hugging Face hub, or the original archive."""

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labkit.data import fetch, hub, parquet
from labkit.data.parquet import Table
from labkit.data.types import SIDE

SOURCES = ("auto", "hub", "archive")
SIZES = {"train": 50_000, "test": 10_000}  # of the original splits

CIFAR10 = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
FINE = (
    "apple", "aquarium fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle",
    "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle",
    "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch",
    "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox",
    "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn mower", "leopard",
    "lion", "lizard", "lobster", "man", "maple tree", "motorcycle", "mountain", "mouse",
    "mushroom", "oak tree", "orange", "orchid", "otter", "palm tree", "pear", "pickup truck",
    "pine tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray",
    "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail",
    "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle",
    "wardrobe", "whale", "willow tree", "wolf", "woman", "worm",
)  # fmt: skip
COARSE = (
    "aquatic mammals", "fish", "flowers", "food containers", "fruit and vegetables",
    "household electrical devices", "household furniture", "insects", "large carnivores",
    "large man-made outdoor things", "large natural outdoor scenes",
    "large omnivores and herbivores", "medium mammals", "non-insect invertebrates", "people",
    "reptiles", "small mammals", "trees", "vehicles 1", "vehicles 2",
)  # fmt: skip
MISPRINTS = {"cra": "crab"}  # in the hub's CIFAR-100


@dataclass(frozen=True)
class Kind:
    """What tells the two sets apart; the first of `columns` holds the classes."""

    title: str
    folder: str  # of the hub's repository
    columns: dict[str, tuple[str, ...]]  # of labels -> their names


KINDS = {
    "cifar10": Kind("CIFAR-10", "plain_text", {"label": CIFAR10}),
    "cifar100": Kind("CIFAR-100", "cifar100", {"fine_label": FINE, "coarse_label": COARSE}),
}


def bring(name: str, folder: Path, source: str, progress: bool) -> dict[str, Tensor]:
    """The set as the store keeps it, from the first source that can give it.

    train_images and test_images uint8 [N, 3, 32, 32], train_labels and test_labels uint8 [N], and
    for CIFAR-100 coarse uint8 [100].  Downloads go to `folder`; what lies there is not fetched.
    ConnectionError or ValueError, in one paragraph, where every source fails.
    """
    failed: dict[str, Exception] = {}
    for origin in _order(name, folder, source):
        read = _from_hub if origin == "hub" else _from_archive
        try:
            return _checked(KINDS[name], read(name, folder, progress))
        except (ConnectionError, ValueError) as error:
            failed[origin] = error
    kind = ConnectionError if any(isinstance(e, OSError) for e in failed.values()) else ValueError
    raise kind(_advice(name, failed)) from list(failed.values())[-1]


def _order(name: str, folder: Path, source: str) -> Sequence[str]:
    """The sources to try; an archive that lies there already comes first."""
    if source != "auto":
        return (source,)
    there = (folder / _original(name).filename).is_file()
    return ("archive", "hub") if there else ("hub", "archive")


def _advice(name: str, failed: dict[str, Exception]) -> str:
    titles = {"hub": f"the Hugging Face hub ({hub.endpoint()})", "archive": "the original archive"}
    tried = "; ".join(f"{titles[origin]}: {error}" for origin, error in failed.items())
    original = _original(name)
    return (
        f"{KINDS[name].title} is not in the local store and could not be brought. Tried {tried}. "
        "With a network, run this again: what has come is kept. Without one, point LABKIT_DATA to "
        "a copy of another machine's store, or download "
        f"{original.url} elsewhere and put it into {fetch.downloads(name)}. "
        'DATASET = "folder:PATH" takes pictures of your own, and DATASET = "motif100" needs '
        "nothing at all."
    )


def _from_hub(name: str, folder: Path, progress: bool) -> dict[str, Table]:
    kind, tables = KINDS[name], {}
    for part in SIZES:
        first = f"{kind.folder}/{part}-00000-of-00001.parquet"
        instead = f'Ctrl-C and data.load("{name}", source="archive") tries the original host.'
        files = hub.files(f"uoft-cs/{name}", first, part, folder, instead, progress)
        try:
            parts = [parquet.read(file, list(kind.columns), progress=progress) for file in files]
        except ValueError:
            for file in files:
                fetch.set_aside(file)  # or every start would meet it again
            raise
        tables[part] = _joined(parts)
    return tables


def _joined(parts: Sequence[Table]) -> Table:
    columns = parts[0].labels
    labels = {name: torch.cat([part.labels[name] for part in parts]) for name in columns}
    return Table(torch.cat([part.images for part in parts]), labels, parts[0].names)


def _original(name: str) -> Any:
    """torchvision's class for the set: it knows the archive's address and its files' md5 sums."""
    from torchvision import datasets

    return {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]


def _from_archive(name: str, folder: Path, progress: bool) -> dict[str, Table]:
    original = _original(name)
    fetch.download(
        original.url,
        folder / original.filename,
        digest=f"md5:{original.tgz_md5}",
        instead=f'Ctrl-C and data.load("{name}", source="hub") tries the Hugging Face hub.',
        progress=progress,
    )
    try:
        original(folder, download=True)  # unpacks, and checks each file
    except RuntimeError as error:
        raise ValueError(f"{original.filename}: {error}") from error
    place = folder / original.base_folder
    files = {"train": original.train_list, "test": original.test_list}
    columns = {c: "labels" if c == "label" else f"{c}s" for c in KINDS[name].columns}
    notes = _unpickled(place / original.meta["filename"])
    names = {c: tuple(notes[f"{c}_names"]) for c in columns}
    tables = {}
    for part, listed in files.items():
        batches = [_unpickled(place / file) for file, _ in listed]
        images = torch.cat([torch.from_numpy(batch["data"]) for batch in batches])
        labels = {
            c: torch.tensor([x for batch in batches for x in batch[key]])
            for c, key in columns.items()
        }
        tables[part] = Table(images.view(-1, 3, SIDE, SIDE), labels, names)
    return tables


def _unpickled(path: Path) -> Any:
    with path.open("rb") as file:
        return pickle.load(file, encoding="latin1")  # its md5 sum has been checked


def _checked(kind: Kind, tables: dict[str, Table]) -> dict[str, Tensor]:
    """The tables as the store keeps them; ValueError unless they are what CIFAR is."""
    first, *second = kind.columns
    tensors = {}
    for part, table in tables.items():
        _check(kind, part, table)
        order = _canonical(table.images, table.labels[first]) if part == "train" else slice(None)
        tensors[f"{part}_images"] = table.images[order]
        tensors[f"{part}_labels"] = table.labels[first][order].byte()
    for column in second:
        fine = torch.cat([table.labels[first] for table in tables.values()])
        coarse = torch.cat([table.labels[column] for table in tables.values()])
        tensors["coarse"] = torch.zeros(len(kind.columns[first]), dtype=torch.uint8)
        tensors["coarse"][fine] = coarse.byte()
        if not torch.equal(tensors["coarse"][fine].long(), coarse):
            raise ValueError(f"{kind.title}: pictures of one class differ in {column}")
    return tensors


def _check(kind: Kind, part: str, table: Table) -> None:
    """ValueError unless names, range and number of the labels are those of the set."""
    for column, names in kind.columns.items():
        labels = table.labels[column]
        given = tuple(MISPRINTS.get(n, n).replace("_", " ") for n in table.names.get(column, names))
        if given != names:
            strange = sorted(set(given) - set(names)) or "the same in another order"
            raise ValueError(f"{kind.title} {part}: {column} has strange names: {strange}")
        outside = ((labels < 0) | (labels >= len(names))).nonzero().flatten().tolist()
        if outside:
            raise ValueError(
                f"{kind.title} {part}: {column} is {labels[outside[0]]} in row {outside[0]}, and "
                f"must be 0 to {len(names) - 1}"
            )
    names = next(iter(kind.columns.values()))
    counts = table.labels[next(iter(kind.columns))].bincount(minlength=len(names))
    expected = SIZES[part] // len(names)
    wrong = (counts != expected).nonzero().flatten().tolist()
    if wrong:
        raise ValueError(
            f"{kind.title} {part} has {counts[wrong[0]]} pictures of {names[wrong[0]]}, "
            f"not {expected} ({len(table.images)} in all, not {SIZES[part]})"
        )


def _canonical(images: Tensor, labels: Tensor) -> Tensor:
    """Positions [N] that sort pictures by content: the sources list them in different orders."""
    keys = [
        (hashlib.sha256(picture.tobytes()).digest(), label)  # some pictures occur twice
        for picture, label in zip(images.numpy(), labels.tolist(), strict=True)
    ]
    return torch.tensor(sorted(range(len(keys)), key=keys.__getitem__))
