"""Pairs of pictures: the information they share, counted and in closed form."""

import math

import pytest
import torch
from pytest import approx

from labkit import evaluation
from labkit.data import motif, pairs


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def split():
    return motif.render(300, difficulty=0.1)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9, 1.0])
def test_the_channels_information_is_its_definition(keep):
    joint = keep / 5 * torch.eye(5, dtype=torch.float64) + (1 - keep) / 25
    terms = [p * math.log(p * 25) for p in joint.flatten().tolist() if p]
    assert pairs.channel_information(keep, 5) == approx(sum(terms), abs=1e-12)


def test_the_channels_ends():
    assert pairs.channel_information(0, 7) == approx(0, abs=1e-12)
    assert pairs.channel_information(1, 7) == approx(math.log(7))
    assert pairs.channel_information(0.4, 1) == 0
    same = evaluation.background_information(0.4, 20)
    assert pairs.channel_information(0.4, 20) == approx(same, rel=1e-12)


def test_noisy_keeps_as_often_as_said():
    values = torch.arange(40_000) % 4
    told = pairs.noisy(values, 0.6, 4, generator=drawn())
    assert (told == values).float().mean().item() == approx(0.6 + 0.4 / 4, abs=0.012)
    counted = evaluation.mutual_information(values, told)
    assert counted == approx(pairs.channel_information(0.6, 4), abs=0.02)
    assert torch.equal(pairs.noisy(values, 1, 4, generator=drawn()), values)


@pytest.mark.parametrize(("factor", "values"), [("class", 100), ("shape", 20), ("texture", 5)])
def test_pairs_share_the_factor_and_nothing_else(split, factor, values):
    ours = pairs.Pairs(split, factor=factor)
    assert ours.information == approx(math.log(values))
    first, second = ours.draw(20_000, generator=drawn(1))
    assert torch.equal(ours.values[first], ours.values[second])
    if factor == "shape":
        texture = split.factors["texture"]
        shared = evaluation.mutual_information(texture[first], texture[second])
        assert shared < 16 / 2 / 20_000 * 4  # four times what counting alone gives


def test_pictures_share_what_their_factor_does(split):
    """Counted over the positions themselves: no picture tells more of its partner."""
    few = split.subset(torch.arange(100))
    ours = pairs.Pairs(few, factor="texture", keep=0.8)
    first, second = ours.draw(400_000, generator=drawn(2))
    counted = evaluation.mutual_information(first, second)
    assert counted == approx(ours.information, abs=0.02)  # counting alone adds 0.012
    same = (ours.values[first] == ours.values[second]).float().mean().item()
    assert same == approx(0.8 + 0.2 / 5, abs=0.005)


def test_partners_are_all_pictures_of_a_value(split):
    ours = pairs.Pairs(split)
    first, second = ours.draw(30_000, generator=drawn(3))
    seen = second[first == first[0]].unique()
    assert torch.equal(seen, (split.labels == split.labels[first[0]]).nonzero().flatten())


def test_what_is_wrong_is_named(split):
    with pytest.raises(ValueError, match="equally often"):
        pairs.Pairs(split.subset(torch.arange(150)))
    with pytest.raises(ValueError, match="unknown factor 'colour'"):
        pairs.Pairs(split, factor="colour")
    with pytest.raises(ValueError, match="keep"):
        pairs.Pairs(split, keep=1.2)
    with pytest.raises(ValueError, match="got none"):
        pairs.Pairs(split.subset(torch.arange(0)))
    with pytest.raises(ValueError, match=r"values must be 0\.\.3"):
        pairs.noisy(torch.arange(5), 0.5, 4, generator=drawn())
