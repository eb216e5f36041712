"""CIFAR as the hub and the archive have it, in the true formats, with few pictures of noise."""

import hashlib
import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import torch
from PIL import Image
from torchvision import datasets

from labkit.data import cifar_sources

SIZES = {"train": 400, "test": 100}
RAW = {  # what the hub and the archive call classes, as far as it differs from our names
    "cifar10": {"label": cifar_sources.CIFAR10},
    "cifar100": {
        "fine_label": tuple(n.replace(" ", "_") for n in cifar_sources.FINE),
        "coarse_label": tuple(n.replace(" ", "_") for n in cifar_sources.COARSE),
    },
}


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """uint8 [N, 32, 32, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)


def encoded(picture: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
    """The picture as the content of a file."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def parquet(path: Path, files: list[bytes | None], names=None, **columns) -> Path:
    """A parquet file as the hub has it: pictures' files, labels, and names in a note."""
    images = [{"bytes": data, "path": f"{row}.png"} for row, data in enumerate(files)]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    table = pyarrow.table({"img": pyarrow.array(images, kind), **columns})
    if names:
        features = {c: {"names": list(n), "_type": "ClassLabel"} for c, n in names.items()}
        note = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": note})
    pyarrow.parquet.write_table(table, path)
    return path


def archive(folder: str, members: dict[str, dict]) -> tuple[bytes, dict[str, str]]:
    """The original archive with pickled `members` below `folder`, and their md5 sums."""
    file, sums = io.BytesIO(), {}
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            data = pickle.dumps(content, protocol=2)
            sums[name] = hashlib.md5(data).hexdigest()
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue(), sums


def columns(name, part):
    """Labels in a fixed random order, as many of each class; a coarse class has five fine ones."""
    classes = len(next(iter(RAW[name].values())))
    fine = (torch.arange(SIZES[part]) % classes)[torch.randperm(SIZES[part])].tolist()
    if name == "cifar10":
        return {"label": fine}
    return {"fine_label": fine, "coarse_label": [label % 20 for label in fine]}


def content(name):
    torch.manual_seed(0)
    return {
        part: (pictures(SIZES[part], seed), columns(name, part)) for seed, part in enumerate(SIZES)
    }


def hub_file(tmp_path, name, part, *, images=None, names=None, **labels):
    """One split as parquet, with the training pictures in another order than the archive's."""
    own, marks = content(name)[part]
    files = [encoded(x) for x in own] if images is None else images
    labels = marks | labels
    if part == "train":
        files, labels = files[::-1], {c: marks[::-1] for c, marks in labels.items()}
    return parquet(tmp_path / f"{part}.parquet", files, names or RAW[name], **labels).read_bytes()


def put_hub(mirror, tmp_path, name, digest=True, **bad):
    """Serve the set as the hub does; `bad` replaces parts of the test split."""
    folder = {"cifar10": "plain_text", "cifar100": "cifar100"}[name]
    files = {
        f"{folder}/{part}-00000-of-00001.parquet": hub_file(
            tmp_path, name, part, **(bad if part == "test" else {})
        )
        for part in SIZES
    }
    return mirror.hub(f"uoft-cs/{name}", files, digest)


def put_archive(mirror, monkeypatch, name):
    """Serve the set as the original host does, and tell torchvision its md5 sums."""
    original = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    batches = {"train": original.train_list, "test": original.test_list}
    members, parts = {}, content(name)
    for part, listed in batches.items():
        images, labels = parts[part]
        flat = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        step = len(flat) // len(listed)
        for k, (file, _) in enumerate(listed):
            rows = slice(k * step, (k + 1) * step)
            keys = {"labels" if c == "label" else f"{c}s": v[rows] for c, v in labels.items()}
            members[file] = {"data": flat[rows], **keys}
    members[original.meta["filename"]] = {f"{c}_names": list(n) for c, n in RAW[name].items()}
    tar, sums = archive(original.base_folder, members)
    for attribute, listed in (("train_list", "train"), ("test_list", "test")):
        monkeypatch.setattr(original, attribute, [[f, sums[f]] for f, _ in batches[listed]])
    meta = original.meta | {"md5": sums[original.meta["filename"]]}
    monkeypatch.setattr(original, "meta", meta)
    monkeypatch.setattr(original, "tgz_md5", hashlib.md5(tar).hexdigest())
    monkeypatch.setattr(original, "url", f"{mirror.url}/kriz/{original.filename}")
    return mirror.put(f"/kriz/{original.filename}", tar)
