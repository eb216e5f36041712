"""CIFAR-10H: how people label the CIFAR-10 test pictures, as a distribution for each.

J. C. Peterson, R. M. Battleday, T. L. Griffiths, O. Russakovsky: Human uncertainty makes
classification more robust. ICCV 2019. Data: https://github.com/jcpeterson/cifar-10h, licensed
CC BY-NC-SA 4.0: name the source, no commercial use, share alike.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from labkit.data import fetch
from labkit.data.types import Dataset

URL = "https://raw.githubusercontent.com/jcpeterson/cifar-10h/master/data/cifar10h-probs.npy"
SHAPE = (10_000, 10)
AGREE = 0.95  # share of pictures whose most frequent human label is the true one; really 0.992


def cifar10h(path: str | Path | None = None, *, progress: bool = True) -> Tensor:
    """Human label distributions float32 [10000, 10], in the order of the original test file.

    `path` is a .npy file, or a .npz file with an array `probs`; None means the local store, which
    fetches 0.8 MB the first time.
    ValueError for a file that holds anything else; ConnectionError where it cannot be fetched.
    """
    if path is not None:
        return _read(Path(path).expanduser())
    facts = {"version": 1, "set": "cifar10h"}
    stored = fetch.remember("cifar10h", facts, lambda folder: {"probs": _fetched(folder, progress)})
    return stored["probs"]


def human_labels(dataset: Dataset, split: str = "test", path: str | Path | None = None) -> Tensor:
    """Human label distributions float32 [N, 10] of the pictures in a CIFAR-10 test split.

    On the labels' device.  ValueError for another data set or split, of which people were not
    asked, and where the most frequent human labels are not the pictures' labels: then the order
    is another.
    """
    part = dataset.split(split)
    if dataset.name != "cifar10" or split != "test":
        raise ValueError(f"people labelled cifar10 test, not {dataset.name} {split}")
    human = cifar10h(path).to(part.labels.device)[part.factors["row"]]  # [N, 10]
    agree = (human.argmax(1) == part.labels).float().mean().item()
    if agree < AGREE:
        raise ValueError(
            f"only {agree:.0%} of the human labels agree with the pictures' labels: {path or URL} "
            "is in another order than the original test file"
        )
    return human


def _fetched(folder: Path, progress: bool) -> Tensor:
    file = folder / Path(URL).name
    try:
        return _read(fetch.download(URL, file, progress=progress))
    except ConnectionError as error:
        place = fetch.downloads("cifar10h")
        raise ConnectionError(
            f"the human labels are not in the local store and could not be brought: {error}. With "
            f"a network, run this again; without one, download {URL} elsewhere and name the file "
            f"as path, or put it into {place}."
        ) from error


def _read(path: Path) -> Tensor:
    try:
        found = np.load(path, allow_pickle=False)
        probs = found["probs"] if isinstance(found, np.lib.npyio.NpzFile) else found
    except FileNotFoundError:
        raise
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise ValueError(f"{path} holds no array of human labels ({error})") from error
    if probs.shape != SHAPE or probs.dtype.kind != "f":
        raise ValueError(f"{path} must hold fractions {SHAPE}, got {probs.dtype} {probs.shape}")
    human = torch.from_numpy(probs).float()
    sums = human.sum(1)
    if not (human.isfinite().all() and human.min() >= 0 and (sums - 1).abs().max() < 1e-3):
        raise ValueError(f"{path}: each row must be a distribution, 0 or more with the sum 1")
    return human
