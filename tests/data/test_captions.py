"""Captions: true of the pictures, however they are moved; and they tell just what they say."""

import dataclasses
import hashlib

import pytest
import torch
from torch import Tensor

from labkit.data import Split, Tokenizer, captions, motif
from labkit.data.motif.drawing import draw
from labkit.data.motif.scene import sample
from labkit.data.types import SPLITS


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def pictures() -> Split:
    return motif.render(600, difficulty=0.4)


def star(**changes: float) -> dict[str, Tensor]:
    values = {
        "shape": motif.SHAPES.index("five-point star"), "texture": 1,
        "color": motif.COLOURS.index("red"), "background": motif.COLOURS.index("blue"),
        "scale": 6.0, "x": -4.0, "y": -3.0,
    }  # fmt: skip
    return {name: torch.tensor([value]) for name, value in (values | changes).items()}


def test_the_three_levels():
    assert captions.write(star(), "class") == ["a striped five-point star"]
    assert captions.write(star()) == ["a small red striped five-point star"]
    assert captions.write(star(), "scene") == [
        "a small red striped five-point star, top left, on a blue background"
    ]
    assert captions.LEVELS == ("class", "attributes", "scene")


def test_two_discs_and_vowels_read_well():
    two = motif.SHAPES.index("two discs")
    orange = motif.COLOURS.index("orange")
    assert captions.write(star(shape=two)) == ["two small red striped discs"]
    assert captions.write(star(shape=two), "class") == ["two striped discs"]
    assert captions.write(star(color=orange, scale=8.0)) == ["an orange striped five-point star"]
    text = captions.write(star(background=orange), "scene")[0]
    assert text.endswith("on an orange background")


@pytest.mark.parametrize(
    "scale, size",
    [(7.7, "small "), (captions.SMALL, ""), (captions.LARGE, ""), (9.6, "large ")],
)
def test_size_words_at_their_limits(scale, size):
    assert captions.write(star(scale=scale)) == [f"a {size}red striped five-point star"]


@pytest.mark.parametrize(
    "x, y, place",
    [
        (0.0, 0.0, "in the middle"), (1.5, -1.5, "in the middle"), (1.6, 0.0, "on the right"),
        (-1.6, 0.0, "on the left"), (0.0, -1.6, "at the top"), (0.0, 1.6, "at the bottom"),
        (-9.0, 9.0, "bottom left"), (9.0, 9.0, "bottom right"), (9.0, -9.0, "top right"),
    ],
)  # fmt: skip
def test_places_at_their_limits(x, y, place):
    assert captions.write(star(x=x, y=y), "scene")[0].split(", ")[1] == place


@pytest.mark.parametrize("level", captions.LEVELS)
def test_a_caption_depends_on_the_factors_told_and_on_no_other(pictures, level):
    told = captions.factors_told(level)
    only = {name: pictures.factors[name] for name in told}
    texts = captions.write(pictures.factors, level)
    assert captions.write(only, level) == texts
    for name in told:  # and on each of them
        other = only | {name: only[name].roll(1)}
        assert captions.write(other, level) != texts
        with pytest.raises(ValueError, match=f"factors lacks '{name}'"):
            captions.write({key: only[key] for key in told if key != name}, level)


def test_class_captions_tell_the_class_and_nothing_else(pictures):
    texts = captions.write(pictures.factors, "class")
    pairs = set(zip(texts, pictures.labels.tolist(), strict=True))
    assert len(pairs) == len(set(texts)) == len(set(pictures.labels.tolist())) == 100


def test_size_words_are_common_but_not_the_rule(pictures):
    words = [text.split() for text in captions.write(motif.render(600).factors)]
    for size in ("small", "large"):
        assert 0.2 < sum(size in each for each in words) / 600 < 0.35


@pytest.mark.parametrize("level", captions.LEVELS)
def test_every_caption_comes_back_from_its_tokens(pictures, level):
    words = captions.tokenizer()
    texts = captions.write(pictures.factors, level)
    tokens = words.encode(texts, length=captions.LONGEST)
    assert not (tokens == 1).any()
    assert words.decode(tokens) == texts


def test_the_vocabulary_is_what_captions_use_and_stays_as_it_is():
    grid = torch.cartesian_prod(
        torch.arange(20), torch.arange(5), torch.arange(20), torch.arange(9)
    )
    shape, texture, colour, place = grid.unbind(1)
    factors = {
        "shape": shape, "texture": texture, "color": colour, "background": colour.flip(0),
        "x": (place % 3 - 1) * 5.0, "y": (place // 3 - 1) * 5.0, "scale": 4.0 + place,
    }  # fmt: skip
    tokens = captions.tokenizer().encode(captions.write(factors, "scene"))
    assert tokens.shape[1] == captions.LONGEST
    assert set(tokens.unique().tolist()) == set(range(len(captions.VOCABULARY))) - {1}
    digest = hashlib.sha256(" ".join(captions.VOCABULARY).encode()).hexdigest()
    assert digest.startswith("19ceab6f9ce3"), "trained encoders depend on every word's number"


def moves(count: int) -> dict[str, Tensor]:
    low, high = -captions.REACH, captions.REACH + 1
    return {
        "right": torch.randint(low, high, (count,), generator=generator(1)),
        "down": torch.randint(low, high, (count,), generator=generator(2)),
        "mirror": torch.randint(0, 2, (count,), generator=generator(3)).bool(),
    }


def test_factors_moved_draw_the_picture_moved():
    """Redrawn from the moved factors, masks are those of the moved pictures, the ell's apart."""
    _, scene = sample(0, SPLITS.index("train"), torch.arange(4), 0.5, 0.0)
    _, masks = draw(scene)
    factors = captions.moved(scene.factors, right=3, down=-2, mirror=True)
    _, redrawn = draw(dataclasses.replace(scene, factors=factors))
    shifted = masks.roll((-2, 3), (1, 2)).flip(2)[:, 4:-4, 4:-4]  # what left or came in is cut off
    differ = (shifted != redrawn[:, 4:-4, 4:-4]).float().mean((1, 2))
    ell = scene.factors["shape"] == motif.SHAPES.index("ell")
    assert differ[~ell].max() < 0.01
    assert differ[ell].mean() > 0.02  # the known limit


def test_augmented_masks_stay_centred_on_the_moved_factors(pictures):
    names = ("disc", "ring", "square", "bar", "hexagon", "cross", "ellipse", "two discs")
    balanced = torch.tensor([motif.SHAPES.index(name) for name in names])
    rows = torch.isin(pictures.factors["shape"], balanced)  # the centroid is the centre
    part = pictures.subset(rows)
    images = part.masks[:, None].expand(-1, 3, -1, -1).to(torch.uint8) * 255
    images, factors = captions.augment(images, part.factors, generator(0))
    reach = torch.maximum(factors["x"].abs(), factors["y"].abs()) + 1.1 * factors["scale"]
    inside = reach < 15.5
    mass = images[inside, 0].double() / 255
    line = torch.arange(32) - 15.5
    area = mass.sum((1, 2))
    x = (mass.sum(1) * line).sum(1) / area
    y = (mass.sum(2) * line).sum(1) / area
    assert inside.sum() > 50
    torch.testing.assert_close(x.float(), factors["x"][inside], atol=0.4, rtol=0)
    torch.testing.assert_close(y.float(), factors["y"][inside], atol=0.4, rtol=0)


def test_augment_moves_pixels_as_a_plain_loop_would(pictures):
    part = pictures.subset(torch.arange(40))
    images, factors = captions.augment(part.images, part.factors, generator(5))
    again, _ = captions.augment(part.images, part.factors, generator(5))
    assert images.dtype == torch.uint8 and torch.equal(images, again)
    flipped = factors["rotation"] != part.factors["rotation"]
    assert 5 < flipped.sum() < 35
    right = torch.where(flipped, -factors["x"], factors["x"]) - part.factors["x"]
    down = factors["y"] - part.factors["y"]
    for row, image in enumerate(part.images):
        i, j = round(down[row].item()), round(right[row].item())
        assert max(abs(i), abs(j)) <= 4
        expected = torch.zeros(3, 40, 40, dtype=torch.uint8)
        expected[:, 4 + i : 36 + i, 4 + j : 36 + j] = image
        expected = expected[:, 4:36, 4:36]
        assert torch.equal(images[row], expected.flip(2) if flipped[row] else expected)


def test_moving_changes_the_place_that_the_caption_names():
    factors = star(x=-3.0, y=0.0)
    assert "on the left" in captions.write(factors, "scene")[0]
    assert "in the middle" in captions.write(captions.moved(factors, right=4), "scene")[0]
    mirrored = captions.moved(factors, right=1, mirror=True)
    assert "on the right" in captions.write(mirrored, "scene")[0] and mirrored["x"].item() == 2


def test_mirroring_twice_changes_nothing_and_the_rest_is_left_alone(pictures):
    once = captions.moved(pictures.factors, mirror=True)
    twice = captions.moved(once, mirror=True)
    assert set(once) == set(pictures.factors)
    for name, value in pictures.factors.items():
        torch.testing.assert_close(twice[name], value, atol=1e-4, rtol=0)
        if name not in ("x", "rotation", "light"):
            assert torch.equal(once[name], value)
    assert torch.equal(once["light"], pictures.factors["light"] * torch.tensor([-1.0, 1.0]))


def test_mirrored_words_are_those_of_the_mirrored_factors(pictures):
    for level in captions.LEVELS:
        texts = captions.write(pictures.factors, level)
        expected = captions.write(captions.moved(pictures.factors, mirror=True), level)
        assert captions.mirrored(texts) == expected
        words = captions.tokenizer()
        tokens = words.encode(texts)
        assert torch.equal(captions.mirrored(tokens), words.encode(expected))
        assert torch.equal(captions.mirrored(captions.mirrored(tokens)), tokens)
    assert expected != texts


def test_mirrored_reads_captions_of_other_makers():
    assert captions.mirrored(["Left of the rightmost cup, right?"]) == [
        "Right of the rightmost cup, left?"
    ]
    words = Tokenizer(["cup", "right", "left"])
    assert captions.mirrored(words.encode(["left cup right blue"]), words).tolist() == [
        [3, 2, 4, 1]
    ]
    plain = Tokenizer(["cup"])
    assert captions.mirrored(plain.encode(["left cup"]), plain).tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="only one of 'left' and 'right'"):
        captions.mirrored(torch.tensor([[2]]), Tokenizer(["left"]))


def test_bad_arguments_are_named(pictures):
    with pytest.raises(ValueError, match=r"unknown level 'scenes'.*Did you mean 'scene'"):
        captions.write(pictures.factors, "scenes")
    with pytest.raises(ValueError, match=r"factors\['shape'\] must be 0..19, got 20..20"):
        captions.write(star(shape=20))
    with pytest.raises(ValueError, match=r"right must be one number or a tensor \[600\]"):
        captions.moved(pictures.factors, right=torch.zeros(3))
    with pytest.raises(ValueError, match="factors lacks 'shape'"):
        captions.write({})
    with pytest.raises(ValueError, match=r"factors\['shape'\] has 600 rows for 3 images"):
        captions.augment(pictures.images[:3], pictures.factors, generator(0))
