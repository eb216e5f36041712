"""Human labels of CIFAR-10's test pictures: read, checked, matched with their pictures."""

import io

import numpy as np
import pytest
import torch

from labkit.data import Dataset, Split, cifar10h, human_labels
from tests.data.mirror import serving


def fractions(seed=0):
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(50, [0.1] * 10, size=10_000)
    return counts / 50


def saved(array, **more):
    file = io.BytesIO()
    if more:
        np.savez(file, **more)
    else:
        np.save(file, array)
    return file.getvalue()


def cifar(probs, rows, name="cifar10"):
    split = Split(
        torch.zeros(len(rows), 3, 32, 32, dtype=torch.uint8),
        torch.from_numpy(probs).float()[rows].argmax(1),
        {"row": rows},
    )
    third = torch.ones(3)
    return Dataset(name, tuple("abcdefghij"), split, split, split, None, (), third, third)


def test_npy_and_npz(tmp_path):
    probs = fractions()
    (tmp_path / "a.npy").write_bytes(saved(probs))
    (tmp_path / "b.npz").write_bytes(saved(None, probs=probs, labels=probs.argmax(1)))
    for file in ("a.npy", "b.npz"):
        human = cifar10h(tmp_path / file)
        assert human.shape == (10_000, 10) and human.dtype == torch.float32
        assert torch.equal(human, torch.from_numpy(probs).float())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (saved(fractions()[:9]), r"must hold fractions \(10000, 10\), got float64 \(9, 10\)"),
        (saved(np.ones((10_000, 10), int)), "got int64"),
        (saved(fractions() * 2), "each row must be a distribution"),
        (saved(np.full((10_000, 10), np.nan)), "each row must be a distribution"),
        (saved(fractions() + np.array([1, -1, *[0] * 8])), "each row must be a distribution"),
        (saved(None, other=np.ones(3)), "holds no array of human labels"),
        (saved(np.array([{}], dtype=object)), "holds no array of human labels"),
        (saved(fractions())[:-9], "holds no array of human labels"),
        (b"", "holds no array of human labels"),
    ],
)
def test_bad_files(tmp_path, data, message):
    (tmp_path / "bad").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        cifar10h(tmp_path / "bad")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        cifar10h(tmp_path / "none.npy")


def test_fetched_once(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    with serving(monkeypatch) as mirror:
        mirror.put("/cifar10h-probs.npy", saved(fractions()))
        monkeypatch.setitem(cifar10h.__globals__, "URL", f"{mirror.url}/cifar10h-probs.npy")
        first = cifar10h(progress=False)
        assert torch.equal(first, cifar10h(progress=False))
        assert mirror.asked() == ["/cifar10h-probs.npy"]


def test_offline_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConnectionError, match=r"HF_HUB_OFFLINE.*cifar10h-probs\.npy elsewhere"):
        cifar10h()


def test_rows_of_a_subset(tmp_path):
    probs = fractions()
    (tmp_path / "h.npy").write_bytes(saved(probs))
    rows = torch.tensor([9_999, 3, 77])
    human = human_labels(cifar(probs, rows), path=tmp_path / "h.npy")
    assert torch.equal(human, torch.from_numpy(probs).float()[rows])


def test_refused_where_people_were_not_asked(tmp_path):
    probs = fractions()
    (tmp_path / "h.npy").write_bytes(saved(probs))
    rows = torch.arange(50)
    with pytest.raises(ValueError, match="people labelled cifar10 test, not cifar10 train"):
        human_labels(cifar(probs, rows), "train", path=tmp_path / "h.npy")
    with pytest.raises(ValueError, match="not motif100 test"):
        human_labels(cifar(probs, rows, "motif100"), path=tmp_path / "h.npy")


def test_another_order_is_noticed(tmp_path):
    probs = fractions()
    (tmp_path / "h.npy").write_bytes(saved(probs[::-1]))
    with pytest.raises(ValueError, match="is in another order than the original test file"):
        human_labels(cifar(probs, torch.arange(500)), path=tmp_path / "h.npy")
