"""Bias, the stored copy, and the same pictures on another device."""

import pytest
import torch
from pytest import raises

from labkit.data import motif, store


@pytest.mark.parametrize("bias", [0.0, 0.4, 1.0])
def test_bias_is_the_share_of_grounds_in_the_shapes_own_colour(bias):
    factors = motif.render(4000, bias=bias).factors
    own = (factors["background"] == factors["shape"]).float().mean().item()
    expected = bias + (1 - bias) / 20  # by chance one in twenty has it too
    assert own == pytest.approx(expected, abs=4 * (expected * (1 - expected) / 4000) ** 0.5 + 1e-9)


def test_bias_shows_in_the_pixels():
    split = motif.render(2000, bias=1.0, difficulty=0.0)
    corner = split.images[:, :, 0, 0].float()
    for shape in range(20):
        own = corner[split.factors["shape"] == shape]
        assert own.std(0).max() < 1, motif.SHAPES[shape]
    assert torch.cdist(*[corner[:200]] * 2).max() > 100


def test_bias_leaves_shape_pose_and_unbiased_pictures_alone():
    plain, biased = motif.render(500), motif.render(500, bias=0.5)
    for name in ("shape", "texture", "x", "y", "rotation", "scale"):
        assert torch.equal(plain.factors[name], biased.factors[name])
    same = plain.factors["background"] == biased.factors["background"]
    assert torch.equal(plain.images[same], biased.images[same])
    assert 0.3 < same.float().mean() < 0.7


@pytest.mark.parametrize("bias", [-0.1, 1.5, "much", float("nan")])
def test_bias_out_of_range(bias):
    with raises(ValueError, match="bias must be between 0 and 1"):
        motif.render(5, bias=bias)


def test_large_splits_are_drawn_once(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    monkeypatch.setattr(motif, "KEEP", 300)
    first = motif.load(train=300, val=100, test=100, bias=0.5)
    assert [p.name.rsplit("-", 1)[0] for p in tmp_path.glob("*.safetensors")] == ["motif100-train"]
    drawn = []
    original = motif.render
    monkeypatch.setattr(motif, "render", lambda n, **k: drawn.append(k) or original(n, **k))
    again = motif.load(train=300, val=100, test=100, bias=0.5)
    assert [k["split"] for k in drawn] == ["val", "test"]
    assert torch.equal(first.train.images, again.train.images)
    assert torch.equal(first.train.masks, again.train.masks)
    assert first.train.factors.keys() == again.train.factors.keys()
    drawn.clear()
    motif.load(train=300, val=100, test=100, bias=0.6)
    monkeypatch.setattr(motif, "VERSION", motif.VERSION + 1)
    motif.load(train=300, val=100, test=100, bias=0.5)
    assert [k["split"] for k in drawn].count("train") == 2
    assert store.folder() == tmp_path


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_gpu_and_cpu_draw_the_same():
    here, there = motif.render(5000), motif.render(5000, device="cuda").to("cpu")
    assert torch.equal(here.labels, there.labels)
    apart = (here.images.int() - there.images.int()).abs()
    assert (apart > 1).float().mean() <= 0.001, f"{int((apart > 1).sum())} pixels differ"
