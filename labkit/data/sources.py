"""`load`: one name for every source of pictures."""

from dataclasses import replace
from typing import Any, Literal

import torch

from labkit.data.types import Dataset
from labkit.errors import unknown

NAMES = ("motif100", "motif100-exact", "cifar10", "cifar100", "folder:PATH")
USUAL = {"seed": 0, "difficulty": 0.3, "bias": 0.0, "on_bad_image": "raise"}


def load(
    name: str,
    *,
    train: int | None = None,
    val: int | None = None,
    test: int | None = None,
    seed: int = 0,
    difficulty: float = 0.3,
    bias: float = 0.0,
    device: torch.device | str = "cpu",
    on_bad_image: Literal["raise", "skip"] = "raise",
    source: Literal["auto", "hub", "archive"] = "auto",
    progress: bool = True,
) -> Dataset:
    """The data set `name` on `device`: "motif100", or "folder:PATH" for one folder per class.

    "motif100-exact" is Motif-100 at the setting where p(class | picture) is known exactly.
    "cifar10" and "cifar100" come over the net the first time: from the Hugging Face hub, else
    the original archive, unless `source` names one of the two.

    `train`, `val`, `test` are numbers of pictures, spread evenly over the classes; None means
    5000, 1000 and 2000 of Motif-100, or all there are in CIFAR or a folder.  `seed` draws the
    pictures or the subset.  `difficulty` and `bias` (0..1) are for Motif-100, `on_bad_image`
    ("raise" or "skip") is for folders, and `progress` (a line while it takes long) for all but
    Motif-100.
    ValueError for an unknown name or a bad number; FileNotFoundError for a missing folder;
    ConnectionError, saying what to do, where CIFAR cannot be fetched.
    """
    from labkit.data import cifar, folder, motif

    sizes: dict[str, Any] = {"train": train, "val": val, "test": test, "seed": seed}
    told: dict[str, Any] = {}
    if isinstance(name, str) and name.startswith("folder:"):
        told = {"on_bad_image": on_bad_image}
        place = name.removeprefix("folder:")
        dataset = folder.load(place, **sizes, **told, progress=progress).to(device)
    elif name == "motif100-exact":
        dataset = motif.load_exact(**sizes, device=device)
    elif name in ("cifar10", "cifar100"):
        dataset = cifar.load(name, **sizes, source=source, progress=progress).to(device)
    elif name == "motif100":
        told = {"difficulty": difficulty, "bias": bias}
        dataset = motif.load(**sizes, **told, device=device)
    else:
        raise unknown("dataset", name, NAMES)
    chosen = {k: v for k, v in {**sizes, **told}.items() if v is not None and v != USUAL.get(k)}
    return replace(dataset, arguments={"name": name, **chosen})
