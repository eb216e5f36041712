"""One name for every source, and what it says when the name or a number is wrong."""

import pytest
import torch

from labkit.data import load, motif


def test_motif_by_name():
    data = load("motif100", train=300, val=100, test=100)
    assert [len(data.train), len(data.val), len(data.test)] == [300, 100, 100]
    assert data.name == "motif100" and data.classes == 100 and data.class_names[5] == "solid ring"
    assert torch.equal(data.coarse, torch.arange(100) // 5)
    assert data.coarse_names == motif.SHAPES
    values = data.normalise(data.train.images)
    assert values.mean((0, 2, 3)).abs().max() < 1e-3
    assert (values.std((0, 2, 3)) - 1).abs().max() < 1e-3


def test_motif_default_sizes_and_arguments_reach_the_renderer():
    assert motif.SIZES == {"train": 5000, "val": 1000, "test": 2000}
    data = load("motif100", train=100, val=100, test=100, seed=3, difficulty=0.2)
    expected = motif.render(100, split="val", seed=3, difficulty=0.2)
    assert torch.equal(data.val.images, expected.images)
    assert not torch.equal(data.train.images, data.val.images)


@pytest.mark.parametrize("name", ["motif10", "cifar", "", "folders:x", None, 3])
def test_unknown_names_list_the_choices(name):
    with pytest.raises(ValueError, match=r"unknown dataset .*choose from motif100, .*folder:PATH"):
        load(name)


def test_the_exact_set_by_name():
    data = load("motif100-exact", train=100, val=100, test=100)
    assert data.name == "motif100-exact" and data.classes == 100
    assert torch.equal(data.test.images, motif.exact.render(100, split="test").images)


def test_only_training_and_validation_pictures_are_biased():
    data = load("motif100", train=300, val=300, test=300, bias=1.0)
    own = {
        name: (data.split(name).factors["background"] == data.split(name).factors["shape"])
        for name in ("train", "val", "test")
    }
    assert own["train"].all() and own["val"].all() and own["test"].float().mean() < 0.15


def test_digest_names_the_content():
    one, two = (load("motif100", train=100, val=100, test=100, seed=s) for s in (0, 1))
    assert one.digest == load("motif100", train=100, val=100, test=100).digest != two.digest
    assert len(one.digest) == 64


def test_near_names_are_suggested():
    with pytest.raises(ValueError, match="Did you mean 'motif100'"):
        load("motif10")


@pytest.mark.parametrize("difficulty", [float("nan"), -0.1, 1.5, "hard", None, True])
def test_bad_difficulty(difficulty):
    with pytest.raises(ValueError, match="difficulty must be between 0 and 1"):
        load("motif100", difficulty=difficulty)
