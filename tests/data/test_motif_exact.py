"""The enumerable setting: its posterior against brute force, and calibrated as only truth is."""

import math

import pytest
import torch
from pytest import raises

from labkit import data, training
from labkit.data import motif
from labkit.data.motif import exact


def brute_force(picture, noise):
    """p(class | picture) in float64, tile by tile from the probability of each noise value."""
    steps = torch.arange(-255, 256, dtype=torch.float64)
    weight = torch.exp(-0.5 * (steps / noise) ** 2)
    log_p = (weight / weight.sum()).log()
    seen = picture[0, ::2, ::2].flatten().long()  # [256]
    shown = exact._templates()[0].long() + exact.GREY  # [100, S, 256]
    likelihood = log_p[seen - shown + 255].sum(2)  # [100, S]
    return likelihood.logsumexp(1).softmax(0)


@pytest.mark.parametrize("noise", [6.0, 12.0])
def test_posterior_is_brute_force_enumeration(noise):
    split = exact.render(6, noise=noise, seed=3)
    ours = motif.bayes_posterior(split.images, noise=noise)
    for row, picture in zip(ours, split.images, strict=True):
        torch.testing.assert_close(row.double(), brute_force(picture, noise), rtol=1e-4, atol=1e-7)


def test_log_posterior_is_its_log():
    images = exact.render(5).images
    p, log_p = motif.bayes_posterior(images), motif.bayes_posterior(images, log=True)
    torch.testing.assert_close(log_p.exp(), p)
    torch.testing.assert_close(p.sum(1), torch.ones(5))


@pytest.mark.slow
def test_posterior_is_calibrated():
    """Means over pictures of the truth's probability and of the winner's must be what they say."""
    split = exact.render(4000, seed=9)
    p = motif.bayes_posterior(split.images)
    truth = p.gather(1, split.labels[:, None])[:, 0]
    right = (p.argmax(1) == split.labels).float()
    for happened, expected in (
        (truth, p.square().sum(1)),
        (right, p.amax(1)),
        (truth.log(), (p * p.clamp_min(1e-30).log()).sum(1)),
    ):
        gap = happened - expected
        assert abs(gap.mean()) < 4 * gap.std() / math.sqrt(len(gap))
    assert 0.5 < right.mean() < 0.95  # uncertain enough to be a lesson


def test_noise_is_the_discrete_gaussian():
    split = exact.render(300, seed=2)
    nearest = exact._templates()[0]
    tiles = split.images[:, 0, ::2, ::2].flatten(1).float() - exact.GREY
    states = torch.tensor(exact.STATES)
    drawn = torch.stack([split.factors[k] for k in ("x", "y", "rotation", "scale")], 1)
    state = (drawn[:, None] == states[None]).all(2).float().argmax(1)
    n = tiles - nearest[split.labels, state]
    assert n.abs().max() <= exact.CUT
    assert abs(n.mean()) < 0.15 and n.std() == pytest.approx(exact.NOISE, rel=0.01)


def test_every_template_leaves_room_for_the_noise():
    shown = exact._templates()[0]
    assert torch.equal(shown, shown.round())
    assert exact.GREY + shown.min() - exact.CUT >= 0
    assert exact.GREY + shown.max() + exact.CUT <= 255
    assert exact.CUT > 7 * exact.MOST


def test_pictures_do_not_depend_on_how_many_are_drawn():
    few, many = exact.render(150), exact.render(340)
    assert torch.equal(few.images, many.images[:150])
    assert torch.equal(few.labels, many.labels[:150])
    assert not torch.equal(few.images, exact.render(150, split="test").images)
    assert torch.bincount(exact.render(300).labels).tolist() == [3] * 100


def test_masks_cover_the_object():
    split = exact.render(100, noise=1)
    bright = (split.images[:, 0].float() - exact.GREY).abs()
    inside = bright[split.masks].mean()
    assert inside > 5 * bright[~split.masks].mean()


def test_other_pictures_are_refused():
    with raises(ValueError, match="grey 2 x 2 mosaics"):
        motif.bayes_posterior(motif.render(3).images)


@pytest.mark.parametrize("noise", [0, 13, float("nan"), True])
def test_noise_out_of_range(noise):
    with raises(ValueError, match=r"noise must be between 1 and 12\.5"):
        exact.render(3, noise=noise)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_teacher_answers_with_the_posterior_whatever_the_precision(precision):
    dataset = data.load("motif100-exact", train=200, val=100, test=100)
    teacher = training.bayes_teacher(dataset)
    images = dataset.normalise(dataset.val.images[:20])
    with training.device.autocast(torch.device("cpu"), precision):
        logits = teacher(images).logits
    expected = motif.bayes_posterior(dataset.val.images[:20], log=True)
    torch.testing.assert_close(logits, expected)


def test_only_the_exact_set_has_a_perfect_teacher():
    with raises(ValueError, match="only motif100-exact has a known posterior"):
        training.bayes_teacher(data.load("motif100", train=100, val=100, test=100))
