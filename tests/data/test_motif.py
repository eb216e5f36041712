"""Motif-100: the pictures are what their factors say, and the same whatever surrounds them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.data import Split, motif

FAST = settings(max_examples=20, deadline=None)


@pytest.fixture(scope="module")
def pictures() -> Split:
    return motif.render(800)


def same(one: Split, two: Split) -> bool:
    return (
        torch.equal(one.images, two.images)
        and torch.equal(one.labels, two.labels)
        and torch.equal(one.masks, two.masks)
        and all(torch.equal(one.factors[name], two.factors[name]) for name in one.factors)
    )


def test_types_and_shapes(pictures):
    assert pictures.images.dtype == torch.uint8 and pictures.images.shape == (800, 3, 32, 32)
    assert pictures.labels.dtype == torch.int64 and pictures.labels.shape == (800,)
    assert pictures.masks.dtype == torch.bool and pictures.masks.shape == (800, 32, 32)
    assert set(pictures.factors) == {
        "shape", "texture", "color", "color2", "x", "y", "rotation", "scale", "background",
        "distractors", "noise", "light",
    }  # fmt: skip
    assert all(len(value) == 800 for value in pictures.factors.values())


@pytest.mark.parametrize("count", [1, 37, 200, 333])
def test_a_picture_does_not_depend_on_how_many_are_drawn(pictures, count):
    assert same(motif.render(count), pictures.subset(torch.arange(count)))


@pytest.mark.parametrize("blocks", [1, 3])
def test_a_picture_does_not_depend_on_the_chunk(pictures, blocks, monkeypatch):
    monkeypatch.setattr(motif, "BLOCKS", blocks)
    assert same(motif.render(300), pictures.subset(torch.arange(300)))


def test_a_picture_does_not_depend_on_threads_or_global_state(pictures):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        torch.manual_seed(123)
        torch.set_default_dtype(torch.float64)
        again = motif.render(200)
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(torch.float32)
    assert same(again, pictures.subset(torch.arange(200)))


def test_rendering_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    motif.render(5)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("change", [{"seed": 1}, {"split": "val"}, {"split": "test"}])
def test_seeds_and_splits_share_nothing(pictures, change):
    other = motif.render(200, **change)
    here = pictures.subset(torch.arange(200))
    assert not torch.equal(other.labels, here.labels)
    for name in ("x", "rotation", "scale", "noise"):
        shared = torch.isin(other.factors[name], here.factors[name]).float().mean()
        assert shared < 0.02, name
    pixels = (other.images.float() - here.images.float()).abs().flatten(1).mean(1)
    assert pixels.min() > 5


@pytest.mark.parametrize("count", [100, 250, 800])
def test_labels_are_balanced_and_mixed(count):
    split = motif.render(count)
    counts = torch.bincount(split.labels, minlength=100)
    assert counts.max() - counts.min() <= 1
    assert not torch.equal(split.labels[:100], split.labels[:100].sort().values)


def test_label_is_shape_and_texture(pictures):
    factors = pictures.factors
    assert torch.equal(pictures.labels, factors["shape"] * 5 + factors["texture"])
    assert factors["shape"].max() == 19 and factors["texture"].max() == 4


def test_class_names():
    assert len({motif.class_name(label) for label in range(100)}) == 100
    assert motif.class_name(41) == "striped five-point star"
    assert motif.class_name(0) == "solid disc"
    assert motif.class_name(99) == "ringed heart"


def test_objects_lie_inside_the_picture_and_can_be_seen():
    pictures = motif.render(800, difficulty=0.5)
    area = pictures.masks.flatten(1).sum(1)
    assert area.min() >= 25
    edge = torch.ones(32, 32, dtype=torch.bool)
    edge[1:-1, 1:-1] = False
    assert not pictures.masks[:, edge].any()


def test_mask_follows_position_and_scale(pictures):
    line = torch.arange(32) - 15.5
    solid = pictures.masks.float()
    total = solid.sum((1, 2))
    right = (solid.sum(1) * line).sum(1) / total
    down = (solid.sum(2) * line).sum(1) / total
    disc = pictures.factors["shape"] == motif.SHAPES.index("disc")
    assert torch.allclose(right[disc], pictures.factors["x"][disc], atol=0.3)
    assert torch.allclose(down[disc], pictures.factors["y"][disc], atol=0.3)
    expected = math.pi * (0.82 * pictures.factors["scale"][disc]).square()
    assert torch.allclose(total[disc], expected, rtol=0.08)


def test_rotation_is_clockwise_in_degrees():
    split = motif.render(800, difficulty=0.5)
    arrow = split.factors["shape"] == motif.SHAPES.index("arrow")
    line = torch.arange(32) - 15.5
    masks = split.masks[arrow].float()
    x = line[None] - split.factors["x"][arrow, None]  # [n, 32] from the object's centre
    y = line[None] - split.factors["y"][arrow, None]
    angle = split.factors["rotation"][arrow].deg2rad()
    # Upright, the arrow points up: its tip lies about one radius along (sin, -cos) of the angle.
    along = x[:, None, :] * angle.sin()[:, None, None] - y[:, :, None] * angle.cos()[:, None, None]
    reach = along.masked_fill(masks == 0, -99).amax((1, 2)) / split.factors["scale"][arrow]
    back = (-along).masked_fill(masks == 0, -99).amax((1, 2)) / split.factors["scale"][arrow]
    across = x[:, None, :] * angle.cos()[:, None, None] + y[:, :, None] * angle.sin()[:, None, None]
    wide = (across.abs() * masks).amax((1, 2)) / split.factors["scale"][arrow]
    assert (reach - 0.95).abs().max() < 0.25
    assert (back - 0.94).abs().max() < 0.25
    assert (wide - 0.73).abs().max() < 0.25


def test_at_difficulty_zero_the_object_has_its_colours_and_the_ground_another():
    split = motif.render(200, difficulty=0)
    palette = torch.tensor(list(motif.PALETTE.values())).float()
    solid = split.factors["texture"] == 0
    inner = split.masks & ~grown(~split.masks)
    outer = ~grown(split.masks)
    for image, own, ground, color in zip(
        split.images[solid].float(),
        inner[solid],
        outer[solid],
        split.factors["color"][solid],
        strict=True,
    ):
        assert (image[:, own] - palette[color, :, None]).abs().max() <= 1
        assert image[:, ground].std(dim=1).max() < 0.6
        assert (image[:, own].mean(1) - image[:, ground].mean(1)).abs().max() > 25


def grown(mask: torch.Tensor) -> torch.Tensor:
    """The mask widened by one pixel on all sides."""
    wide = torch.nn.functional.max_pool2d(mask[:, None].float(), 3, stride=1, padding=1)
    return wide[:, 0] > 0


def test_without_difficulty_nothing_disturbs_the_object():
    factors = motif.render(100, difficulty=0).factors
    for name in ("x", "y", "rotation", "noise", "light", "distractors"):
        assert factors[name].abs().max() == 0, name
    assert factors["scale"].unique().numel() == 1


def test_difficulty_widens_every_nuisance():
    easy, hard = motif.render(400, difficulty=0.25).factors, motif.render(400, difficulty=1).factors
    for name in ("x", "y", "scale", "noise", "light"):
        assert hard[name].std() > 1.3 * easy[name].std(), name
    assert hard["distractors"].max() > easy["distractors"].max()


def test_noise_has_the_stated_strength():
    calm, noisy = motif.render(200, difficulty=0), motif.render(200, difficulty=0.5)
    middle = noisy.factors["noise"] > 5
    flat = noisy.images.float()
    inner = noisy.masks & ~grown(~noisy.masks)
    solid = (noisy.factors["texture"] == 0) & middle & (inner.flatten(1).sum(1) > 40)
    assert calm.factors["noise"].max() == 0
    for image, own, sigma in zip(
        flat[solid], inner[solid], noisy.factors["noise"][solid], strict=True
    ):
        values = image[:, own]
        clear = (values.amin(1) > 0) & (values.amax(1) < 255)  # a clipped channel shows less
        for channel in values[clear]:
            spread = channel.std()
            assert 0.7 * sigma < spread < 1.3 * sigma + 14  # light adds a slope


def test_object_colours_differ_from_each_other_and_the_ground(pictures):
    palette = torch.tensor(list(motif.PALETTE.values())).float()
    color, color2, ground = (
        palette[pictures.factors[name]] for name in ("color", "color2", "background")
    )
    for one, two in ((color, color2), (color, ground), (color2, ground)):
        assert (one - two).norm(dim=1).min() > 60
    assert len(pictures.factors["color"].unique()) == 20


def test_textures_differ_at_one_pose():
    """At difficulty 0 a shape's five textures differ inside the mask and agree in its outline."""
    split = motif.render(100, difficulty=0)
    inner = split.masks & ~grown(~split.masks)
    for shape in range(20):
        own = (split.factors["shape"] == shape).nonzero().flatten()
        own = own[split.factors["texture"][own].argsort()]
        assert (split.masks[own] == split.masks[own[:1]]).all()
        first = [share_of_first_colour(split, i, inner[i]) for i in own]
        assert first[0].min() > 0.99
        for i in range(5):
            for j in range(i):
                assert (first[i] - first[j]).abs().mean() > 0.1, (shape, i, j)


def share_of_first_colour(split: Split, i: int, where: torch.Tensor) -> torch.Tensor:
    palette = torch.tensor(list(motif.PALETTE.values())).float()
    first, second = palette[split.factors["color"][i]], palette[split.factors["color2"][i]]
    pixels = split.images[i].float()[:, where].T - second
    return pixels @ (first - second) / (first - second).square().sum()


def test_factors_are_spread_evenly():
    factors = motif.render(2000, difficulty=0.5).factors
    turns = torch.histc(factors["rotation"], 8, -180, 180)
    assert (turns - 250).abs().max() < 75
    assert (torch.bincount(factors["background"], minlength=20) - 100).abs().max() < 40
    assert factors["x"].mean().abs() < 0.4 and factors["y"].mean().abs() < 0.4
    assert torch.bincount(factors["distractors"]).min() > 400


def test_pixels_keep_their_statistics():
    """Digest with tolerance: a change of look should be a decision, not an accident."""
    pictures = motif.render(800, difficulty=0.5)
    pixels = pictures.images.float()
    assert pixels.mean((0, 2, 3)).tolist() == pytest.approx([136.9, 128.9, 127.1], abs=4)
    assert pixels.std((0, 2, 3)).tolist() == pytest.approx([71.6, 67.6, 68.5], abs=4)
    per_class = torch.stack([pixels[pictures.labels == c].std() for c in range(100)])
    assert per_class.min() > 45 and per_class.max() < 95


def test_contact_sheet_shows_each_class_once(pictures):
    sheet = motif.contact_sheet(pictures, columns=2)
    assert sheet.shape == (3, 20 * 32, 10 * 32) and sheet.dtype == torch.uint8
    first = pictures.images[(pictures.labels == 41).nonzero()[0, 0]]
    row, column = 8 * 32, 2 * 32  # shape 8, texture 1, first of two columns
    assert torch.equal(sheet[:, row : row + 32, column : column + 32], first)
    with pytest.raises(ValueError, match="no picture of class"):
        motif.contact_sheet(pictures.subset(torch.arange(3)))


@FAST
@given(st.one_of(st.integers(max_value=0), st.floats(), st.booleans(), st.text(), st.none()))
def test_bad_counts_are_named(count):
    with pytest.raises(ValueError, match="count must be a whole number"):
        motif.render(count)


@FAST
@given(st.floats().filter(lambda d: not 0 <= d <= 1))
def test_bad_difficulties_are_named(difficulty):
    with pytest.raises(ValueError, match="difficulty must be between 0 and 1"):
        motif.render(1, difficulty=difficulty)


@FAST
@given(st.one_of(st.integers(max_value=-1), st.floats(), st.none()))
def test_bad_seeds_are_named(seed):
    with pytest.raises(ValueError, match="seed must be a whole number"):
        motif.render(1, seed=seed)


def test_bad_split_and_label_are_named():
    with pytest.raises(ValueError, match=r"unknown split 'tests'.*Did you mean 'test'"):
        motif.render(1, split="tests")
    for label in (-1, 100, 1.5):
        with pytest.raises(ValueError, match="label must be"):
            motif.class_name(label)


@FAST
@given(st.integers(min_value=0, max_value=2**80))
def test_any_seed_works(seed):
    assert len(motif.render(2, seed=seed)) == 2
