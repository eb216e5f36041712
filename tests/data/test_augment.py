"""Augmentation: beside plain loops and torchvision, every picture with numbers of its own."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as reference

from labkit.data import augment
from labkit.data.augment import crop_and_flip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 40, smooth: bool = False) -> torch.Tensor:
    noise = torch.rand(count, 3, 8, 8, generator=generator(11)) * 255
    if smooth:
        return F.interpolate(noise, size=32, mode="bilinear").to(torch.uint8)
    return torch.randint(0, 256, (count, 3, 32, 32), generator=generator(), dtype=torch.uint8)


def test_crop_and_flip_is_the_plain_loop():
    images = pictures(40)
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


def test_crop_by_other_widths_and_flip_alone():
    images = pictures()
    assert torch.equal(augment.crop(images, generator(), pad=0), images)
    far = augment.crop(torch.full_like(images, 255), generator(), pad=16)
    assert (far == 0).any() and (far == 255).any()
    turned = augment.flip(images, generator())
    same, other = ((turned == side).flatten(1).all(1) for side in (images, images.flip(3)))
    assert torch.equal(same, ~other) and same.any() and other.any()


def test_alternating_flip_needs_no_chance():
    images, index = pictures(), torch.arange(40) * 7
    first, second, third = (augment.alternating_flip(images, index, epoch) for epoch in range(3))
    assert torch.equal(first, third)
    assert torch.equal(first.flip(3), second)
    apart = augment.alternating_flip(images[5:6], index[5:6], 0)
    assert torch.equal(apart, first[5:6])  # whatever else is in the batch


def only(**strengths: float) -> dict[str, float]:
    return {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0} | strengths


@pytest.mark.parametrize(
    ("number", "name"), [(1, "brightness"), (2, "contrast"), (3, "saturation")]
)
def test_colours_change_as_torchvision_s(number, name):
    """The factors are drawn again here and handed to torchvision picture by picture."""
    images = pictures(smooth=True)
    changed = augment.colour_jitter(images, generator(3), **only(**{name: 0.8}))
    factors = 1 + 0.8 * (2 * torch.rand(5, 40, generator=generator(3))[number] - 1)
    adjust = getattr(reference, f"adjust_{name}")
    for picture, factor, got in zip(images, factors.tolist(), changed, strict=True):
        expected = adjust(picture / 255, factor) * 255
        assert (expected - got).abs().max() < 1  # torchvision's grey has 0.2989, not 0.299
    assert factors.min() < 0.5 and factors.max() > 1.5


def test_hue_turns_red_to_green_and_leaves_grey():
    red = torch.zeros(64, 3, 4, 4, dtype=torch.uint8)
    red[:, 0] = 255
    swing = 2 * torch.rand(5, 64, generator=generator(5))[4] - 1
    turned = augment.colour_jitter(red, generator(5), **only(hue=0.5))
    where = (swing * 0.5 * 2 * math.pi)[:, None]
    thirds = 2 * math.pi / 3 * torch.arange(3)
    expected = 255 / 3 * (1 + 2 * torch.cos(where - thirds))  # of a circle: red, green, blue
    assert (expected.clamp(0, 255) - turned[:, :, 0, 0]).abs().max() < 1
    grey = pictures()[:, :1].expand(-1, 3, -1, -1)
    assert torch.equal(augment.colour_jitter(grey, generator(), **only(hue=0.5)), grey)


def test_a_share_of_the_pictures_changes():
    images = pictures(400, smooth=True)
    for change in (
        lambda share: augment.colour_jitter(images, generator(1), probability=share),
        lambda share: augment.grayscale(images, generator(1), probability=share),
    ):
        shares = [
            (change(share) != images).flatten(1).any(1).float().mean() for share in (0, 0.3, 1)
        ]
        assert shares[0] == 0 and 0.2 < shares[1] < 0.4 and shares[2] == 1


def test_grey_is_torchvision_s():
    images = pictures()
    grey = augment.grayscale(images, generator(), probability=1)
    assert torch.equal(grey[:, 0], grey[:, 1]) and torch.equal(grey[:, 0], grey[:, 2])
    expected = reference.rgb_to_grayscale(images / 255, 3) * 255
    assert (grey - expected).abs().max() <= 0.6


def test_boxes_are_stretched_as_a_plain_loop_would():
    """Box by box in float64, from the same draws."""
    images = pictures(24, smooth=True)
    got = augment.random_resized_crop(images, generator(2), scale=(0.1, 0.9), ratio=(0.5, 2.0))
    draws = torch.rand(4, 24, generator=generator(2)).double()
    for i, (area, shape, left, top) in enumerate(draws.T.tolist()):
        area, shape = 0.1 + 0.8 * area, 0.5 * 4.0**shape
        width, height = min(32, 32 * math.sqrt(area * shape)), min(32, 32 * math.sqrt(area / shape))
        left, top = left * (32 - width), top * (32 - height)
        x = (left + (torch.arange(32).double() + 0.5) * width / 32 - 0.5).clamp(0, 31)
        y = (top + (torch.arange(32).double() + 0.5) * height / 32 - 0.5).clamp(0, 31)
        expected = bilinear(images[i].double(), y, x)
        assert (expected - got[i]).abs().max() < 0.51, i


def bilinear(picture: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """picture [3, H, W] read between its pixels at every pair of y [H] and x [W]."""
    rows, columns = y.long().clamp_max(30), x.long().clamp_max(30)
    down, right = (y - rows)[:, None], x - columns
    above, below = picture[:, rows], picture[:, rows + 1]
    upper = above[:, :, columns] * (1 - right) + above[:, :, columns + 1] * right
    lower = below[:, :, columns] * (1 - right) + below[:, :, columns + 1] * right
    return upper * (1 - down) + lower * down


def test_the_whole_box_is_the_picture():
    images = pictures()
    same = augment.random_resized_crop(images, generator(), scale=(1, 1), ratio=(1, 1))
    assert torch.equal(same, images)


def test_cutout_blackens_one_square_a_picture():
    images = torch.full((2000, 3, 32, 32), 7, dtype=torch.uint8)
    holes = augment.cutout(images, generator(), size=8) == 0
    assert torch.equal(holes[:, 0], holes[:, 2])
    rows, columns = holes[:, 0].any(2).sum(1), holes[:, 0].any(1).sum(1)
    assert torch.equal(rows * columns, holes[:, 0].sum((1, 2)))  # full rectangles
    assert rows.max() == columns.max() == 8 and rows.min() == columns.min() == 4
    assert (rows == 8).float().mean() == pytest.approx(25 / 32, abs=0.04)
    touched = holes[:, 0].float().mean(0)
    assert touched.min() > 0


def test_mixup_mixes_what_it_says():
    images = torch.randn(300, 3, 4, 4, generator=generator(1))
    mixed, partner, weight = augment.mixup(images, generator(2), alpha=0.5)
    assert torch.equal(partner.sort().values, torch.arange(300))
    w = weight[:, None, None, None]
    torch.testing.assert_close(mixed, w * images + (1 - w) * images[partner])
    assert weight.dtype == images.dtype and weight.min() >= 0 and weight.max() <= 1
    again = augment.mixup(images, generator(2), alpha=0.5)
    assert all(torch.equal(a, b) for a, b in zip(again, (mixed, partner, weight), strict=True))


@pytest.mark.parametrize("alpha", [0.001, 0.2, 1.0, 20.0])
def test_mixup_s_weights_have_beta_s_mean_and_variance(alpha):
    weight = augment.mixup(torch.zeros(20_000, 1, 1, 1), generator(), alpha=alpha)[2].double()
    assert weight.isfinite().all()
    assert weight.mean() == pytest.approx(0.5, abs=0.015)
    assert weight.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)


PARTS = [
    augment.crop, augment.flip, crop_and_flip, augment.colour_jitter, augment.grayscale,
    augment.random_resized_crop, augment.cutout, augment.contrastive,
]  # fmt: skip


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_each_picture_has_numbers_of_its_own_and_the_generator_decides(part):
    images = pictures(1, smooth=True).expand(64, -1, -1, -1)
    torch.manual_seed(1)
    shown = part(images, generator(1))
    torch.manual_seed(2)
    assert torch.equal(shown, part(images, generator(1)))  # nothing from the global generator
    assert shown.dtype == torch.uint8 and shown.shape == images.shape
    kinds = len(shown.flatten(1).unique(dim=0))
    assert kinds == 2 if part in (augment.flip, augment.grayscale) else kinds > 20
    assert part(images.to("meta"), generator(1)).device.type == "meta"


@given(st.integers(1, 4), st.integers(8, 20), st.integers(8, 20))
def test_other_sizes_keep_theirs(count, height, width):
    images = torch.zeros(count, 3, height, width, dtype=torch.uint8)
    for part in PARTS:
        assert part(images, generator()).shape == images.shape


@pytest.mark.parametrize(
    ("part", "setting", "message"),
    [
        ("crop", {"pad": -1}, "pad must be a whole number"),
        ("colour_jitter", {"brightness": 1.5}, "brightness must be between 0 and 1, got 1.5"),
        ("colour_jitter", {"contrast": -0.1}, "contrast must be between"),
        ("colour_jitter", {"saturation": None}, "saturation must be between"),
        ("colour_jitter", {"hue": 0.6}, "hue must be between 0 and 0.5"),
        ("colour_jitter", {"probability": 2}, "probability must be between"),
        ("grayscale", {"probability": -1}, "probability must be between"),
        ("random_resized_crop", {"scale": (0, 1)}, r"scale must be .* got \(0, 1\)"),
        ("random_resized_crop", {"scale": (0.5, 1.5)}, "scale must be"),
        ("random_resized_crop", {"ratio": (2.0, 1.0)}, "ratio must be"),
        ("cutout", {"size": 0}, "size must be a whole number"),
        ("cutout", {"size": 33}, "size must be at most the picture's side, 32, got 33"),
        ("mixup", {"alpha": 0}, "alpha must be a finite number above 0"),
    ],
)
def test_bad_settings_are_named(part, setting, message):
    with pytest.raises(ValueError, match=message):
        getattr(augment, part)(pictures(4), generator(), **setting)


@pytest.mark.parametrize("part", ["colour_jitter", "grayscale", "random_resized_crop"])
def test_normalised_pictures_are_refused(part):
    with pytest.raises(ValueError, match=r"images must be uint8 .* got torch\.float32"):
        getattr(augment, part)(pictures(4).float(), generator())
