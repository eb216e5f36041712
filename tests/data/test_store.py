"""The local store: whole or made again, made once, and never in the way of who needs the data."""

import errno
import os
import threading
import time
import warnings
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.data import store

FACTS = {"version": 1, "seed": 3}
TENSORS = {
    "images": torch.arange(240, dtype=torch.uint8).view(10, 2, 3, 4),
    "labels": torch.arange(10),
    "even": torch.arange(10) % 2 == 0,
    "mean": torch.tensor(0.25, dtype=torch.float64),
}
DTYPES = [torch.uint8, torch.int32, torch.int64, torch.float32, torch.float64, torch.bool]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "store"))
    return tmp_path / "store"


class Maker:
    """Makes TENSORS and counts how often."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return TENSORS


def never():
    raise AssertionError("made again")


def same(stored: store.Stored) -> bool:
    return stored.tensors.keys() == TENSORS.keys() and all(
        torch.equal(stored.tensors[name], value) and stored.tensors[name].dtype == value.dtype
        for name, value in TENSORS.items()
    )


def test_made_once_and_read_back_whole(place):
    made = store.remember("x", FACTS, Maker())
    read = store.remember("x", FACTS, never)
    assert same(made) and same(read)
    assert made.digest == read.digest and read.facts == FACTS
    assert [file.suffix for file in sorted(place.iterdir())] == [".lock", ".safetensors"]


@settings(max_examples=20)
@given(
    st.dictionaries(
        st.text("abc", min_size=1),
        st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=3)),
        max_size=3,
    )
)
def test_any_types_and_shapes_come_back(described):
    tensors = {
        name: torch.randint(0, 2, shape).to(dtype) for name, (dtype, shape) in described.items()
    }
    path = store.place("any", {})
    store.write(path, store.Stored(tensors, {}, store.digest(tensors, {})))
    found = store.read(path, {})
    assert found is not None and found.tensors.keys() == tensors.keys()
    for name, value in tensors.items():
        assert torch.equal(found.tensors[name], value) and found.tensors[name].dtype == value.dtype


def test_views_and_slices_are_stored_as_they_look():
    whole = torch.arange(12.0).view(3, 4)
    views = {"turned": whole.t(), "upper": whole[:1], "lower": whole[1:]}
    store.remember("views", FACTS, lambda: views)
    found = store.remember("views", FACTS, never).tensors
    assert all(torch.equal(found[name], value) for name, value in views.items())


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t | {"labels": t["labels"] + 1},
        lambda t: t | {"labels": t["labels"].int()},
        lambda t: t | {"labels": t["labels"].view(2, 5)},
        lambda t: {("name" if name == "labels" else name): value for name, value in t.items()},
    ],
)
def test_the_digest_sees_names_types_shapes_and_values(change):
    assert store.digest(TENSORS, FACTS) != store.digest(change(TENSORS), FACTS)
    assert store.digest(TENSORS, FACTS) != store.digest(TENSORS, FACTS | {"seed": 4})
    assert store.digest(TENSORS, FACTS) == store.digest(dict(reversed(TENSORS.items())), FACTS)


def damaged(content: bytes) -> dict[str, bytes]:
    """The file as it might be found after a crash, a bad disk or a wrong copy."""
    header = 8 + int.from_bytes(content[:8], "little")
    flipped = {
        f"flip {at}": content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        for at in (header, (header + len(content)) // 2, len(content) - 1)
    }
    lengths = (0, 4, 8, header // 2, header, header + 1, len(content) - 1)
    cut = {f"cut to {length}": content[:length] for length in lengths}
    zeros = {
        "zeros": b"\0" * len(content),
        "zero tail": content[:header].ljust(len(content), b"\0"),
    }
    return flipped | cut | zeros | {"rubbish": b"no" * 999, "longer": content + b"\0"}


def test_a_damaged_file_is_made_again(place):
    store.remember("x", FACTS, Maker())
    path = store.place("x", FACTS)
    content = path.read_bytes()
    for name, damage in damaged(content).items():
        path.write_bytes(damage)
        maker = Maker()
        assert same(store.remember("x", FACTS, maker)) and maker.calls == 1, name
        assert same(store.remember("x", FACTS, never)), name


def test_another_format_is_made_again(monkeypatch):
    store.remember("x", FACTS, Maker())
    monkeypatch.setattr(store, "FORMAT", store.FORMAT + 1)
    maker = Maker()
    assert same(store.remember("x", FACTS, maker)) and maker.calls == 1
    assert same(store.remember("x", FACTS, never))


def test_other_facts_are_another_file_even_under_its_name():
    other = FACTS | {"version": 2}
    store.remember("x", FACTS, Maker())
    assert store.place("x", FACTS) != store.place("x", other)
    os.replace(store.place("x", FACTS), store.place("x", other))  # a wrong copy
    maker = Maker()
    store.remember("x", other, maker)
    assert maker.calls == 1


def test_an_error_in_making_is_passed_on_and_nothing_stays(place):
    with pytest.raises(ZeroDivisionError):
        store.remember("x", FACTS, lambda: 1 / 0)
    assert list(place.glob("*.safetensors")) == []
    assert same(store.remember("x", FACTS, Maker()))  # the lock is free again


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_said_and_the_result_returned(place, monkeypatch):
    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.warns(UserWarning, match=r"x could not be kept in .*No space left.*LABKIT_DATA"):
        assert same(store.remember("x", FACTS, Maker()))
    assert [file.suffix for file in place.iterdir()] == [".lock"]


def test_a_read_only_folder_is_said_and_the_result_returned(tmp_path, place, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv(
        "LABKIT_DATA", str(tmp_path / "file" / "below")
    )  # as root may write anywhere
    with pytest.warns(UserWarning, match="could not be kept in .*Not a directory"):
        assert same(store.remember("x", FACTS, Maker()))


def test_what_is_stored_can_be_read_where_nothing_can_be_written(monkeypatch):
    store.remember("x", FACTS, Maker())
    monkeypatch.setattr(Path, "mkdir", full)
    monkeypatch.setattr(store, "FileLock", full)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same(store.remember("x", FACTS, never))


def test_a_folder_in_the_file_s_place_is_not_an_end():
    store.place("x", FACTS).mkdir(parents=True)
    with pytest.warns(UserWarning, match="could not be kept"):
        assert same(store.remember("x", FACTS, Maker()))


@pytest.mark.parametrize(
    "error", [NotImplementedError("no locks"), OSError(errno.ENOLCK, "no locks")]
)
def test_where_locks_are_impossible_it_goes_on_without(error, monkeypatch):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuse)
    assert same(store.remember("x", FACTS, Maker()))
    assert same(store.remember("x", FACTS, never))


def test_who_waits_for_another_is_told_and_makes_nothing(monkeypatch, capsys):
    monkeypatch.setattr(store, "PATIENCE", 0.05)
    path = store.place("x", FACTS)
    path.parent.mkdir(parents=True)
    found = []
    with FileLock(path.with_suffix(".lock")):
        waiter = threading.Thread(target=lambda: found.append(store.remember("x", FACTS, never)))
        waiter.start()
        said, end = "", time.monotonic() + 30
        while "another process is preparing x" not in said and time.monotonic() < end:
            time.sleep(0.01)
            said += capsys.readouterr().out
        store.write(path, store.Stored(TENSORS, FACTS, store.digest(TENSORS, FACTS)))
    waiter.join(30)
    assert same(found[0])


def test_the_place(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LABKIT_DATA", "~/mine")
    assert store.folder() == tmp_path / "mine"
    monkeypatch.setenv("LABKIT_DATA", "")
    monkeypatch.setattr(store, "REPOSITORY", tmp_path / "installed")
    assert store.folder() == tmp_path / ".cache" / "labkit"
    (tmp_path / "installed" / "data").mkdir(parents=True)
    assert store.folder() == tmp_path / "installed" / "data" / "cache"
