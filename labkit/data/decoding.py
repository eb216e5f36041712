"""Image files to uint8 tensors [N, 3, 32, 32], several at a time, naming the file that fails."""

import os
import struct
import sys
import time
import warnings
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from labkit.data.types import SIDE

BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip
PART = 64  # files a worker takes at a time
PATIENCE = 2.0  # seconds before the first progress line, and between two


def read_images(
    paths: Sequence[Path], *, on_bad_image: str, progress: bool
) -> tuple[Tensor, list[int]]:
    """Pictures uint8 [M, 3, 32, 32] and the positions in `paths` they come from.

    A file that cannot be read raises ValueError, or with on_bad_image="skip" is left out with
    one warning for all.
    """
    images, kept, bad = [], [], []
    for position, image in enumerate(_reported(_decoded(paths), len(paths), progress)):
        if isinstance(image, np.ndarray):
            images.append(image)
            kept.append(position)
        elif on_bad_image == "skip":
            bad.append(paths[position])
        else:
            raise ValueError(
                f"cannot read image {paths[position]} ({image}): repair or delete it, "
                'or pass on_bad_image="skip" to leave such files out'
            )
    if bad:
        warnings.warn(f"skipped {len(bad)} unreadable images, first {bad[0]}", stacklevel=2)
    stacked = np.stack(images) if images else np.empty((0, SIDE, SIDE, 3), np.uint8)
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous(), kept


def read_image(path: Path) -> np.ndarray:
    """One file as RGB uint8 [32, 32, 3]: the middle square, scaled; transparency on white."""
    with Image.open(path) as image:
        image.draft("RGB", (4 * SIDE, 4 * SIDE))  # large JPEG files decode at a smaller size
        ImageOps.exif_transpose(image, in_place=True)
        picture = _rgb(image)
    if picture.size != (SIDE, SIDE):
        short = min(picture.size)
        left, top = (picture.width - short) // 2, (picture.height - short) // 2
        picture = picture.crop((left, top, left + short, top + short))
        picture = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(picture)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        image.load()  # the file closes before the pixels are used
        return image
    if image.mode.startswith("I;16"):  # 16-bit grey, which Pillow would clip instead of scale
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _read_part(paths: Sequence[Path]) -> list[np.ndarray | Exception]:
    results: list[np.ndarray | Exception] = []
    for path in paths:
        try:
            results.append(read_image(path))
        except BROKEN as error:
            results.append(error)
    return results


def _decoded(paths: Sequence[Path]) -> Iterator[np.ndarray | Exception]:
    parts = [paths[start : start + PART] for start in range(0, len(paths), PART)]
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    try:
        for part in pool.map(_read_part, parts):
            yield from part
    finally:
        pool.shutdown(cancel_futures=True)


def _reported(
    images: Iterator[np.ndarray | Exception], total: int, progress: bool
) -> Iterator[np.ndarray | Exception]:
    """Pass images on; after two seconds say on stderr, now and then, how far they are."""
    due = time.monotonic() + PATIENCE
    for count, image in enumerate(images, start=1):
        yield image
        if progress and count < total and time.monotonic() > due:
            print(f"reading images: {count} of {total}", file=sys.stderr, flush=True)
            due = time.monotonic() + PATIENCE
