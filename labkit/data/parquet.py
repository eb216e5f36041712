"""Tables of small pictures as the Hugging Face hub keeps them: one parquet row each."""

import io
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from labkit.data.decoding import BROKEN
from labkit.data.progress import Progress
from labkit.data.types import SIDE

IMAGE = "img"  # column of the pictures: {bytes: the file's content, path: its name}
PART = 256  # pictures a worker takes at a time


class Table(NamedTuple):
    """Pictures, columns of labels, and the classes' names where the source gives them."""

    images: Tensor  # uint8 [N, 3, 32, 32]
    labels: dict[str, Tensor]  # column -> int64 [N]
    names: dict[str, tuple[str, ...]]  # column -> [C]


def read(path: Path, columns: Sequence[str], *, progress: bool = True) -> Table:
    """Pictures and the label `columns` of the parquet file at `path`.

    ValueError, naming file, column or row, where it is damaged, lacks a column, or a picture is
    not one RGB picture of 32 x 32 pixels: such a file is not what it says, so nothing is mended.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            _has(path, schema, columns)
            table = file.read([IMAGE, *columns])
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path} is not a whole parquet file ({error})") from error
    labels = {}
    for name in columns:
        if table[name].null_count:
            raise ValueError(f"{path}: column {name!r} has {table[name].null_count} gaps")
        labels[name] = torch.from_numpy(table[name].to_numpy().astype(np.int64))
    # Chunk by chunk: a column of one kind may come in several.
    data = [row for part in table[IMAGE].chunks for row in part.field("bytes").to_pylist()]
    return Table(_decoded(path, data, progress), labels, _names(schema, columns))


def _has(path: Path, schema: Any, columns: Sequence[str]) -> None:
    """ValueError unless the columns are there and hold what they should."""
    from pyarrow import types

    missing = [name for name in (IMAGE, *columns) if name not in schema.names]
    if missing:
        raise ValueError(f"{path} lacks the column {missing[0]!r}: it has {schema.names}")
    kind = schema.field(IMAGE).type
    if not types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        raise ValueError(f"{path}: column {IMAGE!r} must hold the pictures' bytes, not {kind}")
    for name in columns:
        if not types.is_integer(schema.field(name).type):
            kind = schema.field(name).type
            raise ValueError(f"{path}: column {name!r} must hold whole numbers, not {kind}")


def _names(schema: Any, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The classes' names from the note that the hub's `datasets` library leaves in the file."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        return {name: tuple(features[name]["names"]) for name in columns}
    except (KeyError, TypeError, ValueError):
        return {}


def _decoded(path: Path, data: Sequence[bytes | None], progress: bool) -> Tensor:
    """uint8 [N, 3, 32, 32], decoded by several threads."""
    pictures = np.empty((len(data), SIDE, SIDE, 3), np.uint8)

    def decode(start: int) -> int:
        rows = range(start, min(start + PART, len(data)))
        for row in rows:
            try:
                pictures[row] = _picture(data[row])
            except BROKEN as error:
                raise ValueError(f"{path}: the picture in row {row} {error}") from error
        return len(rows)

    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    try:
        with Progress(len(data), "images", path.name) if progress else nullcontext() as line:
            for count in pool.map(decode, range(0, len(data), PART)):
                if line:
                    line.update(count)
    finally:
        pool.shutdown(cancel_futures=True)
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()


def _picture(data: bytes | None) -> np.ndarray:
    if not data:
        raise ValueError("is missing")
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except BROKEN as error:
        raise ValueError(f"cannot be read ({error})") from error
    if getattr(image, "n_frames", 1) != 1:
        raise ValueError("is animated")
    if image.mode != "RGB":
        raise ValueError(f"has the colour mode {image.mode}, not RGB")
    if image.size != (SIDE, SIDE):
        raise ValueError(f"has {image.width} x {image.height} pixels, not {SIDE} x {SIDE}")
    return np.asarray(image)
