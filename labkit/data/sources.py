"""`load`: one name for every source of pictures."""

from typing import Literal

import torch

from labkit.data.types import Dataset
from labkit.errors import unknown

NAMES = ("motif100", "folder:PATH")


def load(
    name: str,
    *,
    train: int | None = None,
    val: int | None = None,
    test: int | None = None,
    seed: int = 0,
    difficulty: float = 0.3,
    device: torch.device | str = "cpu",
    on_bad_image: Literal["raise", "skip"] = "raise",
    progress: bool = True,
) -> Dataset:
    """The data set `name` on `device`: "motif100", or "folder:PATH" for one folder per class.

    `train`, `val`, `test` are numbers of pictures, spread evenly over the classes; None means
    5000, 1000 and 2000 of Motif-100 or all there are in a folder.  `seed` draws the pictures
    or the subset.  `difficulty` (0..1) is for Motif-100; `on_bad_image` ("raise" or "skip") and
    `progress` (a line while reading takes long) are for folders.
    ValueError for an unknown name or a bad number; FileNotFoundError for a missing folder.
    """
    from labkit.data import folder, motif

    if isinstance(name, str) and name.startswith("folder:"):
        dataset = folder.load(
            name.removeprefix("folder:"),
            train=train,
            val=val,
            test=test,
            seed=seed,
            on_bad_image=on_bad_image,
            progress=progress,
        )
        return dataset.to(device)
    if name != "motif100":
        raise unknown("dataset", name, NAMES)
    return motif.load(
        train=train, val=val, test=test, seed=seed, difficulty=difficulty, device=device
    )
