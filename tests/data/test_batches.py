"""Batches: every picture once, moved and mirrored as a plain loop would, the same for one seed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.data import Dataset, Split, batches
from labkit.data.batches import crop_and_flip
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


def test_crop_and_flip_is_the_plain_loop():
    images = make(40).train.images
    moved = crop_and_flip(images, generator(9))
    draws = generator(9)
    down, right, mirror = (torch.randint(high, (40, 1), generator=draws) for high in (9, 9, 2))
    padded = torch.zeros(40, 3, 40, 40, dtype=torch.uint8)
    padded[:, :, 4:36, 4:36] = images
    for i in range(40):
        y, x = int(down[i]), int(right[i])
        expected = padded[i, :, y : y + 32, x : x + 32]
        expected = expected.flip(2) if mirror[i] else expected
        assert torch.equal(moved[i], expected), i
    assert mirror.unique().numel() == 2  # both kinds were checked


def test_every_shift_and_both_directions_happen():
    """A single bright pixel shows where each picture went."""
    images = torch.zeros(4000, 3, 32, 32, dtype=torch.uint8)
    images[:, :, 10, 12] = 255
    moved = crop_and_flip(images, generator(0))[:, 0]
    _, y, x = moved.nonzero(as_tuple=True)
    assert len(y) == 4000
    assert set(y.tolist()) == set(range(6, 15))
    assert set(x.tolist()) == set(range(8, 17)) | set(range(15, 24))
    mirrored = (x > 16).float().mean()
    assert 0.35 < mirrored < 0.5


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
