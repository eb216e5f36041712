"""Folders of pictures in the store: the second reading, what makes it stale, and old copies."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from labkit.data import Dataset, decoding, folder, load, store
from labkit.data.types import channel_statistics


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "store"))
    monkeypatch.setattr(folder, "MANY", 10)  # so that these small trees are kept
    return tmp_path / "store"


@pytest.fixture
def seen(monkeypatch) -> list[str]:
    """The files that have been decoded."""
    paths: list[str] = []
    read = decoding.read_image
    monkeypatch.setattr(decoding, "read_image", lambda path: paths.append(str(path)) or read(path))
    return paths


@pytest.fixture
def tree(tmp_path) -> Path:
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "tree" / name).mkdir(parents=True)
        for k in range(20):
            picture(tmp_path / "tree" / name / f"{k}.png", (40 * label, k, 7))
    return tmp_path / "tree"


def picture(path: Path, colour: tuple[int, int, int]) -> None:
    Image.new("RGB", (32, 32), colour).save(path)


def same(one: Dataset, other: Dataset) -> bool:
    return all(
        torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels)
        for a, b in ((one.train, other.train), (one.val, other.val), (one.test, other.test))
    ) and (torch.equal(one.mean, other.mean) and torch.equal(one.std, other.std))


def copies(place: Path) -> list[Path]:
    return sorted(place.glob("*.safetensors"))


def test_the_second_reading_decodes_nothing_and_is_the_same(tree, seen, place):
    first = load(f"folder:{tree}")
    assert len(seen) == 40 and len(copies(place)) == 1
    second = load(f"folder:{tree}")
    assert len(seen) == 40 and same(first, second)


def test_other_seeds_and_spellings_share_one_copy(tree, seen, place, monkeypatch):
    first = load(f"folder:{tree}")
    monkeypatch.chdir(tree.parent)
    for path in ("tree", "./tree/", "tree/../tree"):
        assert same(first, load(f"folder:{path}"))
    monkeypatch.chdir(tree)
    assert same(first, load("folder:."))
    other = load(f"folder:{tree}", seed=1)
    assert not torch.equal(first.train.images, other.train.images)
    assert torch.equal(other.train.images[:, 0, 0, 0].long(), 40 * other.train.labels)
    assert len(seen) == 40 and len(copies(place)) == 1


def test_stored_or_not_the_data_set_is_the_same(tree, place, monkeypatch):
    stored = load(f"folder:{tree}")
    monkeypatch.setattr(folder, "MANY", 1000)
    shutil.rmtree(place)
    assert same(stored, load(f"folder:{tree}"))
    assert not place.exists()


def test_a_few_large_photos_are_kept_too(tree, place, monkeypatch):
    monkeypatch.setattr(folder, "MANY", 1000)
    monkeypatch.setattr(folder, "LARGE", 1000)
    load(f"folder:{tree}")
    assert len(copies(place)) == 1


def touch(tree: Path) -> None:
    file = tree / "dog/3.png"
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))


def replace(tree: Path) -> None:
    before = (tree / "dog/3.png").stat()
    picture(tree / "dog/3.png", (40, 3, 8))  # as many bytes, perhaps; but at another time
    os.utime(tree / "dog/3.png", ns=(0, before.st_mtime_ns + 1))


CHANGES = {
    "touched": touch,
    "replaced": replace,
    "added": lambda tree: picture(tree / "dog/20.png", (40, 20, 7)),
    "removed": lambda tree: (tree / "dog/3.png").unlink(),
    "renamed": lambda tree: (tree / "dog/3.png").rename(tree / "dog/x.png"),
    "moved": lambda tree: (tree / "dog").rename(tree / "owl"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_is_seen(tree, seen, change):
    load(f"folder:{tree}")
    CHANGES[change](tree)
    seen.clear()
    data = load(f"folder:{tree}")
    assert len(seen) == len(data.train) + len(data.val) + len(data.test)
    marks = {
        (int(i[0, 0, 0]), int(i[1, 0, 0]))
        for s in (data.train, data.val, data.test)
        for i in s.images
    }
    assert len(marks) == len(seen)
    assert torch.equal(data.train.images[:, 0, 0, 0].long(), 40 * data.train.labels)


def test_another_decoder_reads_again(tree, seen, monkeypatch):
    load(f"folder:{tree}")
    monkeypatch.setattr(folder, "VERSION", folder.VERSION + 1)
    load(f"folder:{tree}")
    monkeypatch.setattr(folder.PIL, "__version__", "0.0")
    load(f"folder:{tree}")
    assert len(seen) == 120


def test_only_the_newest_copies_of_a_folder_stay(tree, place):
    load(f"folder:{shutil.copytree(tree, tree.parent / 'other')}")
    (other,) = copies(place)
    for size in range(10, 20):
        load(f"folder:{tree}", train=size, val=2, test=2)
    kept = [file for file in copies(place) if file != other]
    assert other in copies(place) and len(kept) == folder.COPIES
    assert len(list(place.iterdir())) == 2 * (folder.COPIES + 1)  # each with its lock
    newest = max(kept, key=os.path.getmtime)
    load(f"folder:{tree}", train=19, val=2, test=2)
    assert newest in copies(place)


def test_skipped_files_are_tried_again_each_time(tree, seen, place):
    bad = tree / "dog/3.png"
    whole = bad.read_bytes()
    bad.write_bytes(b"x" * len(whole))
    before = bad.stat()
    with pytest.warns(UserWarning, match="skipped 1 unreadable images, first .*3.png"):
        load(f"folder:{tree}", on_bad_image="skip")
    seen.clear()
    with pytest.warns(UserWarning, match="skipped 1 unreadable images, first .*3.png"):
        data = load(f"folder:{tree}", on_bad_image="skip")
    assert seen == [str(bad)] and len(data.train) + len(data.val) + len(data.test) == 39
    with pytest.raises(ValueError, match=r"cannot read image .*3\.png"):
        load(f"folder:{tree}")
    bad.write_bytes(whole)  # mended, and by chance or a permission with the same time
    os.utime(bad, ns=(0, before.st_mtime_ns))
    seen.clear()
    data = load(f"folder:{tree}")
    assert seen == [str(bad)] and len(data.train) + len(data.val) + len(data.test) == 40
    assert torch.equal(data.mean, load(f"folder:{tree}").mean)
    shutil.rmtree(place)
    assert same(data, load(f"folder:{tree}"))


def test_a_failed_reading_stores_nothing(tree, place):
    (tree / "dog/3.png").write_bytes(b"")
    with pytest.raises(ValueError, match="the file is empty"):
        load(f"folder:{tree}")
    assert copies(place) == []


def test_no_place_to_store_is_no_obstacle(tree, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "file" / "below"))
    with pytest.warns(UserWarning, match="could not be kept"):
        assert len(load(f"folder:{tree}").train) == 32
    assert store.folder() == tmp_path / "file" / "below"


def test_mean_and_spread_are_those_of_the_training_pictures(tree):
    generator = torch.Generator().manual_seed(0)
    for file in tree.rglob("*.png"):
        noise = torch.randint(0, 256, (32, 32, 3), generator=generator, dtype=torch.uint8)
        Image.fromarray(noise.numpy()).save(file)
    data = load(f"folder:{tree}")
    mean, std = channel_statistics(data.train.images)
    assert torch.allclose(data.mean, mean, atol=1e-7) and torch.allclose(data.std, std, atol=1e-7)
    assert data.mean.dtype == data.std.dtype == torch.float32


def test_white_pictures_do_not_overflow():
    white = torch.full((3000, 3, 32, 32), 255, dtype=torch.uint8)
    mean, std = folder._statistics(folder._moments(white))
    assert mean.tolist() == [1, 1, 1] and std.max() <= 1.1e-3
