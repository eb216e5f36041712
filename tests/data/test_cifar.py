"""CIFAR from a hub and an archive of tiny true files: the same store, whatever goes wrong."""

import sys

import pytest
import torch
from torchvision import datasets

from labkit import cli
from labkit.data import cifar, cifar_sources, fetch, load, store
from tests.data.mirror import serving
from tests.data.tiny_cifar import (
    RAW,
    SIZES,
    content,
    encoded,
    hub_file,
    parquet,
    pictures,
    put_archive,
    put_hub,
)


@pytest.fixture
def mirror(monkeypatch, tmp_path):
    monkeypatch.setattr(cifar_sources, "SIZES", SIZES)
    monkeypatch.setattr(fetch, "PAUSE", 0.01)
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "cache"))
    with serving(monkeypatch) as server:
        yield server


def get(name="cifar10", **options):
    return load(name, progress=False, **options)


def facts(name="cifar10"):
    return {"version": cifar.VERSION, "set": name}


def stored(name="cifar10"):
    return store.read(store.place(name, facts(name)), facts(name))


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_hub_and_archive_end_in_the_same_store(mirror, tmp_path, monkeypatch, name):
    put_hub(mirror, tmp_path, name)
    put_archive(mirror, monkeypatch, name)
    data = get(name, source="hub")
    assert not any("kriz" in path for path in mirror.asked())
    assert data.name == name and data.classes == {"cifar10": 10, "cifar100": 100}[name]
    one = stored(name)
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "other"))
    get(name, source="archive")
    assert stored(name).digest == one.digest
    assert not (tmp_path / "other" / "downloads" / name).exists()


def test_pictures_labels_rows_and_names(mirror, tmp_path):
    put_hub(mirror, tmp_path, "cifar100")
    data = get("cifar100")
    images, labels = content("cifar100")["test"]
    row = data.test.factors["row"]
    assert sorted(row.tolist()) == list(range(100))
    assert torch.equal(data.test.images, torch.from_numpy(images).permute(0, 3, 1, 2)[row])
    assert torch.equal(data.test.labels, torch.tensor(labels["fine_label"])[row])
    assert data.test.labels.dtype == torch.int64 and data.test.images.is_contiguous()
    assert torch.equal(data.coarse, torch.arange(100) % 20)
    assert data.class_names[26] == "crab" and data.class_names[1] == "aquarium fish"
    assert data.coarse_names[9] == "large man-made outdoor things"
    assert len(set(data.class_names)) == 100 and len(set(data.coarse_names)) == 20
    assert data.normalise(data.train.images).mean().abs() < 1e-3


def test_the_second_load_asks_nobody(mirror, tmp_path, monkeypatch):
    put_hub(mirror, tmp_path, "cifar10")
    first = get()
    mirror.log.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as if it were not installed
    second = get()
    assert mirror.log == []
    assert torch.equal(first.train.images, second.train.images)


def test_splits_are_balanced_nested_and_fixed_by_the_seed(mirror, tmp_path):
    put_hub(mirror, tmp_path, "cifar10")
    data, again, other = get(seed=1), get(seed=1, train=50, val=10, test=30), get(seed=2)
    assert [len(s) for s in (data.train, data.val, data.test)] == [360, 40, 100]
    for split in (data.train, data.val, data.test, again.train, again.val, again.test):
        assert split.labels.bincount(minlength=10).unique().numel() == 1
    rows = {part: data.split(part).factors["row"] for part in ("train", "val", "test")}
    assert sorted([*rows["train"].tolist(), *rows["val"].tolist()]) == list(range(400))
    for part, size in {"train": 50, "val": 10, "test": 30}.items():
        assert torch.equal(again.split(part).factors["row"], rows[part][:size])
    assert set(rows["val"].tolist()) != set(other.val.factors["row"].tolist())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": 361}, "train=361, but cifar10 has only 360 for train"),
        ({"test": 0}, "test must be a whole number of at least 1"),
        ({"seed": -1}, "seed must be"),
        ({"source": "mirror"}, "unknown source 'mirror': choose from auto, hub, archive"),
    ],
)
def test_bad_arguments(mirror, tmp_path, options, message):
    put_hub(mirror, tmp_path, "cifar10")
    with pytest.raises(ValueError, match=message):
        get(**options)


def test_the_hubs_misprint_is_mended_and_other_names_are_not(mirror, tmp_path):
    names = {c: tuple("cra" if n == "crab" else n for n in ns) for c, ns in RAW["cifar100"].items()}
    put_hub(mirror, tmp_path, "cifar100", names=names)
    assert get("cifar100").class_names[26] == "crab"
    put_hub(mirror, tmp_path, "cifar10", names={"label": tuple("abcdefghij")})
    with pytest.raises(ValueError, match=r"CIFAR-10 test: label has strange names: \['a', 'b'"):
        get(source="hub")


def test_files_that_moved_are_found_in_the_list(mirror, tmp_path):
    images, marks = content("cifar10")["train"]
    files = [encoded(x) for x in images]
    shards = {
        f"data/train-0000{k}-of-00002.parquet": parquet(
            tmp_path / "s",
            files[200 * k :][:200],
            RAW["cifar10"],
            label=marks["label"][200 * k :][:200],
        ).read_bytes()
        for k in range(2)
    }
    test = hub_file(tmp_path, "cifar10", "test")
    mirror.hub(
        "uoft-cs/cifar10", shards | {"data/test-00000-of-00001.parquet": test, "README.md": b""}
    )
    get(source="hub")
    moved = stored().digest
    put_hub(mirror, tmp_path, "cifar10")
    store.place("cifar10", facts()).unlink()
    get(source="hub")
    assert stored().digest == moved


def test_the_archive_stands_in_for_the_hub(mirror, tmp_path, monkeypatch):
    put_archive(mirror, monkeypatch, "cifar10")
    assert len(get().test) == 100  # the hub has no such repository
    assert stored() is not None


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"label": [10] * 100}, "CIFAR-10 test: label is 10 in row 0, and must be 0 to 9"),
        ({"label": [-1] * 100}, "label is -1 in row 0"),
        ({"label": [0] * 100}, r"has 100 pictures of airplane, not 10 \(100 in all, not 100\)"),
        ({"images": [encoded(x[:28]) for x in pictures(100)]}, "in row 0 has 32 x 28 pixels"),
    ],
)
def test_a_bad_set_on_the_hub_is_refused(mirror, tmp_path, bad, message):
    put_hub(mirror, tmp_path, "cifar10", **bad)
    with pytest.raises(ValueError, match=message):
        get(source="hub")
    assert stored() is None


def test_coarse_labels_must_follow_from_fine_ones(mirror, tmp_path):
    put_hub(mirror, tmp_path, "cifar100", coarse_label=[0] * 100)
    with pytest.raises(ValueError, match="pictures of one class differ in coarse_label"):
        get("cifar100", source="hub")


def test_a_damaged_hub_file_is_set_aside_and_fetched_again(mirror, tmp_path, monkeypatch):
    pages = put_hub(mirror, tmp_path, "cifar10", digest=False)  # a mirror without sha256
    pages["plain_text/train-00000-of-00001.parquet"].spoil = 1
    with pytest.raises(ValueError, match="is not a whole parquet file"):
        get(source="hub")
    assert len(get(source="hub").test) == 100


def test_a_corrupt_archive_is_fetched_once_more(mirror, tmp_path, monkeypatch):
    page = put_archive(mirror, monkeypatch, "cifar10")
    page.spoil = 1
    assert len(get(source="archive").test) == 100
    store.place("cifar10", facts()).unlink()
    page.spoil = 2
    with pytest.raises(ConnectionError, match="does not have the md5:"):
        get(source="archive")


def test_a_cache_of_another_version_is_not_trusted(mirror, tmp_path, monkeypatch):
    put_hub(mirror, tmp_path, "cifar10")
    get()
    mirror.log.clear()
    monkeypatch.setattr(cifar, "VERSION", 99)
    get()
    assert len(mirror.asked()) >= 2


def test_a_damaged_cache_is_made_again(mirror, tmp_path):
    put_hub(mirror, tmp_path, "cifar10")
    get()
    digest = stored().digest
    path = store.place("cifar10", facts())
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert stored() is None
    get()
    assert stored().digest == digest


def test_offline_is_one_paragraph_at_once(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConnectionError) as caught:
        get()
    text = str(caught.value)
    assert "\n" not in text and mirror.log == []
    for said in (
        "CIFAR-10 is not in the local store", "HF_HUB_OFFLINE is set", "LABKIT_DATA",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", str(tmp_path / "cache"),
        'DATASET = "folder:PATH"', 'DATASET = "motif100" needs nothing at all',
    ):  # fmt: skip
        assert said in text


def test_all_sources_down_is_said_quickly(mirror, monkeypatch):
    monkeypatch.setattr(fetch, "PAUSE", 60)
    put_archive(mirror, monkeypatch, "cifar10")
    mirror.server.shutdown()
    mirror.server.server_close()
    with pytest.raises(ConnectionError, match=r"Tried the Hugging Face hub .*; the original arch"):
        get()  # without a pause of a minute


def test_an_archive_put_there_by_hand_needs_no_network(mirror, monkeypatch, tmp_path):
    page = put_archive(mirror, monkeypatch, "cifar10")
    place = tmp_path / "cache" / "downloads" / "cifar10"
    place.mkdir(parents=True)
    (place / datasets.CIFAR10.filename).write_bytes(page.content)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert len(get().train) == 360 and mirror.log == []


def test_slow_names_the_other_source(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "WINDOW", 0.1)
    for page in put_hub(mirror, tmp_path, "cifar10").values():
        page.rate = 150e3
        page.content = page.content[:40_000]
    with (
        pytest.warns(UserWarning, match=r'data\.load\("cifar10", source="archive"\)'),
        pytest.raises(ConnectionError),  # cut short, it does not have its digest
    ):
        get(source="hub")


def test_the_command_fetches(mirror, tmp_path, capsys, monkeypatch):
    put_hub(mirror, tmp_path, "cifar10")
    assert cli.main(["fetch", "cifar10", "--source", "hub"]) == 0
    assert "cifar10: 360 train, 40 val, 100 test" in capsys.readouterr().out
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert cli.main(["fetch", "cifar100"]) == 1
    assert "CIFAR-100 is not in the local store" in capsys.readouterr().err
