"""Batches: every picture once, moved and mirrored as a plain loop would, the same for one seed."""

import hashlib
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.data import Dataset, Split, batches
from labkit.data.augment import RECIPES
from labkit.data.types import channel_statistics


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make(count: int = 50) -> Dataset:
    images = torch.randint(0, 256, (count, 3, 32, 32), generator=generator(0), dtype=torch.uint8)
    split = Split(images, torch.arange(count) % 7, {"place": torch.arange(count)})
    mean, std = channel_statistics(images)
    names = tuple("abcdefg")
    short = split.subset(torch.arange(5))
    return Dataset("noise", names, split, short, short, None, (), mean, std)


def digest(tensors) -> str:
    sums = hashlib.sha256()
    for tensor in tensors:
        sums.update(tensor.contiguous().numpy().tobytes())
    return sums.hexdigest()[:16]


def test_default_batches_are_those_of_the_recorded_runs():
    """Digests of two epochs as they were made when data/reference was recorded."""
    dataset, order, moves = make(50), generator(5), generator(6)
    # exact halves of a byte: no square root of the machine's own decides
    dataset = replace(dataset, mean=torch.full((3,), 0.5), std=torch.full((3,), 0.25))
    parts = [
        part
        for _ in range(2)
        for part in batches(dataset, batch_size=16, order=order, augment=moves)
    ]
    assert digest(part.index for part in parts) == "d288906cdadb15b7"
    assert digest(part.images.permute(0, 2, 3, 1) for part in parts) == "6a6d468d309ec49d"
    assert all(part.second is None for part in parts)


def test_in_order_gives_every_picture_once():
    dataset = make(50)
    parts = list(batches(dataset, batch_size=16, order=None, augment=None))
    assert [len(part.labels) for part in parts] == [16, 16, 16, 2]
    assert torch.equal(torch.cat([part.index for part in parts]), torch.arange(50))
    assert torch.equal(torch.cat([part.labels for part in parts]), dataset.train.labels)
    expected = (dataset.train.images / 255 - dataset.mean[:, None, None]) / dataset.std[
        :, None, None
    ]
    images = torch.cat([part.images for part in parts])
    torch.testing.assert_close(images, expected, rtol=1e-5, atol=1e-5)


def test_images_are_float32_and_channels_last():
    for order, augment in ((None, None), (generator(1), generator(2))):
        batch = next(batches(make(), batch_size=8, order=order, augment=augment))
        assert batch.images.dtype == torch.float32 and batch.images.shape == (8, 3, 32, 32)
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert batch.labels.dtype == batch.index.dtype == torch.int64


def test_shuffled_epoch_drops_the_last_part_only_if_there_are_others():
    sizes = [
        len(b.labels) for b in batches(make(50), batch_size=16, order=generator(0), augment=None)
    ]
    assert sizes == [16, 16, 16]
    sizes = [
        len(b.labels) for b in batches(make(9), batch_size=16, order=generator(0), augment=None)
    ]
    assert sizes == [9]


def test_shuffled_epoch_repeats_no_picture_and_keeps_labels_with_pictures():
    dataset = make(48)
    parts = list(batches(dataset, batch_size=16, order=generator(3), augment=None))
    index = torch.cat([part.index for part in parts])
    assert torch.equal(index.sort().values, torch.arange(48)) and not torch.equal(
        index, torch.arange(48)
    )
    assert torch.equal(torch.cat([p.labels for p in parts]), dataset.train.labels[index])
    images = torch.cat([part.images for part in parts])
    torch.testing.assert_close(images, dataset.normalise(dataset.train.images[index]))


def test_same_generators_give_the_same_batches_and_the_next_epoch_differs():
    dataset = make()
    order, augment = generator(5), generator(6)
    first = list(batches(dataset, batch_size=16, order=order, augment=augment))
    later = list(batches(dataset, batch_size=16, order=order, augment=augment))
    again = list(batches(dataset, batch_size=16, order=generator(5), augment=generator(6)))
    for one, two in zip(first, again, strict=True):
        assert torch.equal(one.images, two.images) and torch.equal(one.index, two.index)
    assert not torch.equal(first[0].index, later[0].index)


def test_order_and_augmentation_are_independent():
    dataset = make()
    plain = list(batches(dataset, batch_size=16, order=generator(5), augment=None))
    moved = list(batches(dataset, batch_size=16, order=generator(5), augment=generator(6)))
    for one, two in zip(plain, moved, strict=True):
        assert torch.equal(one.index, two.index) and not torch.equal(one.images, two.images)


def test_splits_by_name():
    dataset = make()
    assert len(next(batches(dataset, "val", batch_size=99, order=None, augment=None)).labels) == 5
    with pytest.raises(ValueError, match="unknown split 'valid'"):
        batches(dataset, "valid", batch_size=4, order=None, augment=None)


@settings(max_examples=25, deadline=None)
@given(st.one_of(st.integers(max_value=0), st.floats(), st.booleans(), st.text(), st.none()))
def test_bad_batch_sizes_are_named_at_once(size):
    with pytest.raises(ValueError, match="batch_size must be a whole number"):
        batches(make(5), batch_size=size, order=None, augment=None)


def test_two_views_are_independent_pictures_of_the_same():
    dataset = make(48)
    draws = {"batch_size": 16, "order": None}
    pairs = list(batches(dataset, **draws, augment=generator(6), views=2))
    single = list(batches(dataset, **draws, augment=generator(6)))
    assert torch.equal(pairs[0].images, single[0].images)
    for part in pairs:
        assert part.second.shape == part.images.shape
        assert part.second.is_contiguous(memory_format=torch.channels_last)
        differ = (part.images != part.second).flatten(1).any(1)
        assert differ.float().mean() > 0.9  # the same shift and side: 1 in 162
    plain = next(batches(dataset, **draws, augment=generator(6), views=2, recipe="none"))
    assert torch.equal(plain.images, plain.second)


def test_every_recipe_by_name_and_any_function():
    dataset = make(32)
    shown = {}
    for name in RECIPES:
        part = next(batches(dataset, batch_size=32, order=None, augment=generator(1), recipe=name))
        assert part.images.shape == (32, 3, 32, 32) and part.images.isfinite().all()
        shown[name] = digest([part.images])
    assert len(set(shown.values())) == len(shown)
    assert shown["none"] == digest([dataset.normalise(dataset.train.images)])

    def darkest(images, generator):
        return torch.zeros_like(images)

    part = next(batches(dataset, batch_size=8, order=None, augment=generator(1), recipe=darkest))
    torch.testing.assert_close(part.images[0, :, 0, 0], -dataset.mean / dataset.std)


def mirrored(dataset: Dataset, order: torch.Generator, epoch: int) -> torch.Tensor:
    """bool [N]: which pictures one epoch of the alternating recipe shows mirrored."""
    found = torch.zeros(len(dataset.train), dtype=torch.bool)
    for part in batches(
        dataset,
        batch_size=8,
        order=order,
        augment=generator(2),
        recipe="alternating-flip",
        epoch=epoch,
    ):
        found[part.index] = (
            part.images[:, 0].sum(1).argmax(1) > 15
        )  # the column of the bright pixel
    return found


def test_alternating_flip_follows_the_picture_whatever_the_order():
    dataset, order = make(64), generator(1)
    images = torch.zeros(64, 3, 32, 32, dtype=torch.uint8)
    images[:, :, 16, 5] = 255
    dataset = replace(dataset, train=replace(dataset.train, images=images))
    third, fourth, fifth = (mirrored(dataset, order, epoch) for epoch in (3, 4, 5))
    assert torch.equal(third, ~fourth) and torch.equal(third, fifth)
    assert 16 < third.sum() < 48


def test_batches_for_another_device_are_gathered_at_home():
    dataset = make(20)
    draws = {"batch_size": 8, "order": None}
    home, there = (
        list(batches(dataset, **draws, augment=generator(1), device=device))
        for device in (None, torch.device("cpu"))
    )
    for one, two in zip(home, there, strict=True):
        assert torch.equal(one.images, two.images) and torch.equal(one.labels, two.labels)
    away = list(batches(dataset, **draws, augment=generator(1), views=2, device="meta"))
    assert [len(part.labels) for part in away] == [8, 8, 4]
    for part in away:
        assert {value.device.type for value in part} == {"meta"}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"recipe": "crop-flp"}, "unknown recipe 'crop-flp'.*Did you mean 'crop-flip'"),
        ({"recipe": ["none"]}, "unknown recipe"),
        ({"views": 3}, "views must be 1, or 2"),
        ({"views": 0}, "views must be a whole number"),
        ({"views": 2, "augment": None}, "2 with an augment generator"),
        ({"epoch": -1}, "epoch must be a whole number"),
    ],
)
def test_bad_settings_are_named_at_once(setting, message):
    given_ = {"batch_size": 4, "order": None, "augment": generator(0)} | setting
    with pytest.raises(ValueError, match=message):
        batches(make(5), **given_)


def test_batches_are_made_in_one_thread_and_leave_the_number_as_it_was():
    used = []

    def watching(images, generator):
        used.append(torch.get_num_threads())
        return images

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        parts = batches(make(20), batch_size=8, order=None, augment=generator(0), recipe=watching)
        left = [torch.get_num_threads() for _ in parts]
    finally:
        torch.set_num_threads(before)
    assert used == [1, 1, 1] and left == [2, 2, 2]
