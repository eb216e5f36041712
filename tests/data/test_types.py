"""Splits and data sets: statistics, subsets, moving to a device that may be too small."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labkit.data import Dataset, Split, batches, types
from labkit.data.types import channel_statistics, fits


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make(count: int = 50) -> Dataset:
    images = torch.randint(0, 256, (count, 3, 32, 32), generator=generator(0), dtype=torch.uint8)
    split = Split(images, torch.arange(count) % 7, {"place": torch.arange(count)})
    mean, std = channel_statistics(images)
    names = tuple("abcdefg")
    short = split.subset(torch.arange(5))
    return Dataset("noise", names, split, short, short, None, (), mean, std)


def test_channel_statistics_are_mean_and_std():
    images = make(20).train.images
    mean, std = channel_statistics(images)
    values = images.double() / 255
    torch.testing.assert_close(mean.double(), values.mean((0, 2, 3)), rtol=1e-5, atol=1e-6)
    deviation = values.transpose(0, 1).flatten(1).std(1, correction=0)
    torch.testing.assert_close(std.double(), deviation, rtol=1e-4, atol=1e-6)


def test_a_blank_data_set_normalises_without_infinities():
    mean, std = channel_statistics(torch.zeros(4, 3, 32, 32, dtype=torch.uint8))
    assert mean.tolist() == [0, 0, 0] and std.min() > 0


def test_split_subset_carries_everything_along():
    split = make(10).train
    part = split.subset(torch.tensor([7, 2]))
    assert len(part) == 2 and part.factors["place"].tolist() == [7, 2] and part.masks is None
    assert torch.equal(part.images[0], split.images[7])


def test_data_set_moves_whole():
    moved = make().to("meta")
    for tensor in (moved.mean, moved.std, moved.train.images, moved.val.labels):
        assert tensor.device.type == "meta"
    assert moved.train.factors["place"].device.type == "meta"
    assert moved.classes == 7


def uneven() -> Split:
    """90 pictures of class 0, 30 of class 1, 7 of class 2."""
    labels = torch.tensor([0] * 90 + [1] * 30 + [2] * 7)
    labels = labels[torch.randperm(127, generator=generator(4))]
    return Split(torch.zeros(127, 3, 32, 32, dtype=torch.uint8), labels)


@given(st.integers(1, 127), st.integers(0, 5))
def test_a_balanced_subset_is_as_equal_as_it_can_be(count, seed):
    split = uneven()
    index = split.balanced(count, seed)
    assert len(index.unique()) == count
    counts = split.labels[index].bincount(minlength=3)
    most = counts.max()
    for own, there_are in zip(counts.tolist(), (90, 30, 7), strict=True):
        assert own >= most - 1 or own == there_are


def test_a_larger_balanced_subset_contains_the_smaller_and_seeds_differ():
    split = uneven()
    assert torch.equal(split.balanced(60, 3)[:20], split.balanced(20, 3))
    assert not torch.equal(split.balanced(20, 3), split.balanced(20, 4))
    with pytest.raises(ValueError, match="count must be at most 127"):
        split.balanced(128)
    with pytest.raises(ValueError, match="count must be a whole number"):
        split.balanced(0)


def test_a_set_too_large_for_the_device_stays_and_says_so(monkeypatch):
    dataset = make(20)
    size = sum(dataset.split(name).nbytes for name in ("train", "val", "test"))
    assert size == 30 * 3072 + 2 * 30 * 8  # pictures, labels, places
    monkeypatch.setattr(types, "free_bytes", lambda device: size / 0.6 - 10)
    with pytest.warns(UserWarning, match="noise needs 0.00 GB.*stays in host memory"):
        kept = dataset.to("meta")
    assert kept.train.images.device.type == kept.val.labels.device.type == "cpu"
    assert kept.mean.device.type == "meta"
    part = next(batches(kept, batch_size=8, order=generator(0), augment=None, device="meta"))
    assert part.images.device.type == "meta"
    monkeypatch.setattr(types, "free_bytes", lambda device: size / 0.6 + 10)
    assert dataset.to("meta").train.images.device.type == "meta"


def test_sixty_percent_of_what_is_free():
    assert fits(600, 1000) and not fits(601, 1000) and fits(10**15, float("inf"))
