"""Image files to uint8 tensors [N, 3, 32, 32], several at a time, naming the file that fails."""

import io
import os
import struct
import zlib
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from labkit.data.progress import Progress
from labkit.data.types import SIDE

BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip
PART = 16  # files a worker takes at a time
# Large photos are decoded side by side. Thumbnails are not, Python being the limit, but threads
# also wait together for a disk that is far away: hence four even on two cores.
THREADS = max(4, min(8, os.cpu_count() or 1))

Results = list[np.ndarray | Exception]


def read_images(
    paths: Sequence[str | Path], *, on_bad_image: str, progress: bool
) -> tuple[Tensor, Tensor]:
    """Pictures uint8 [N, 3, 32, 32] of the N files, and which could be read, bool [N].

    A file that cannot be read raises ValueError, or with on_bad_image="skip" stays black.
    """
    pixels = np.zeros((len(paths), 3, SIDE, SIDE), np.uint8)
    readable = np.ones(len(paths), bool)
    line = Progress(len(paths), "images", "reading", show=progress)
    with line, closing(_decoded(paths)) as parts:
        for start, part in parts:
            for position, image in enumerate(part, start):
                if isinstance(image, np.ndarray):
                    pixels[position] = image.transpose(2, 0, 1)
                elif on_bad_image == "skip":
                    readable[position] = False
                else:
                    raise ValueError(
                        f"cannot read image {paths[position]} ({image}): repair or delete it, "
                        'or pass on_bad_image="skip" to leave such files out'
                    )
            line.update(len(part))
    return torch.from_numpy(pixels), torch.from_numpy(readable)


def read_image(path: str | Path) -> np.ndarray:
    """One file as RGB uint8 [32, 32, 3]: the middle square, scaled; transparency on white.

    Of an animation or of several pages the first. 16-bit pixels keep their upper byte.
    """
    with open(path, "rb") as file:  # at once: many small reads would wait for other threads
        content = file.read()
    if not content:
        raise ValueError("the file is empty, 0 bytes")
    try:
        image = Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise ValueError("not a picture, or of a kind that Pillow cannot read") from None
    with image:
        image.draft("RGB", (4 * SIDE, 4 * SIDE))  # large JPEG files decode at a smaller size
        ImageOps.exif_transpose(image, in_place=True)
        return np.asarray(_square(_rgb(image)))


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
        raise ValueError("32-bit pixels, of which nobody knows which is white: save it as 8-bit")
    if image.mode[0] == "I":  # 16-bit grey, which Pillow would clip instead of scale
        wide = np.asarray(image).clip(0, 65535)
        image = Image.fromarray((wide >> 8).astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _square(picture: Image.Image) -> Image.Image:
    """The middle square at 32 x 32 pixels."""
    if picture.size == (SIDE, SIDE):
        return picture
    short = min(picture.size)
    left, top = (picture.width - short) // 2, (picture.height - short) // 2
    middle = picture.crop((left, top, left + short, top + short))
    return middle.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def _read_part(paths: Sequence[str | Path]) -> Results:
    results: Results = []
    for path in paths:
        try:
            results.append(read_image(path))
        except BROKEN as error:
            results.append(error)
    return results


def _decoded(paths: Sequence[str | Path]) -> Generator[tuple[int, Results], None, None]:
    """Position of a part's first file, and the part's pictures or what was wrong with them."""
    starts = range(0, len(paths), PART)
    pool = ThreadPoolExecutor(THREADS)
    try:
        yield from zip(
            starts, pool.map(_read_part, (paths[s : s + PART] for s in starts)), strict=True
        )
    finally:
        pool.shutdown(cancel_futures=True)
