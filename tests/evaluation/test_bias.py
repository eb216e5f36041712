"""Bias: directions by hand, removal as projection, pictures that differ in the ground only."""

import pytest
import torch

from labkit import data
from labkit.data import motif
from labkit.data.captions import VOCABULARY
from labkit.evaluation.bias import (
    background_bias,
    background_pairs,
    counterfactuals,
    remove_directions,
    text_directions,
)
from labkit.evaluation.zero_shot import class_embeddings, fill, tokens
from labkit.models.image_text import ImageText

G = torch.Generator().manual_seed(0)


@pytest.fixture(scope="module")
def model():
    return ImageText(VOCABULARY, "convnet_4", dim=24, width=24)


@pytest.fixture(scope="module")
def pictures():
    return counterfactuals(400)


def test_one_pair_gives_its_difference(model):
    with torch.no_grad():
        one, two = model.encode_text(tokens(model, ["on a red background", "on a blue background"]))
    found = text_directions(model, [("on a red background", "on a blue background")])
    cosine = (found[0] @ (one - two) / (one - two).norm()).abs()
    assert found.shape == (1, 24) and cosine.item() == pytest.approx(1, abs=1e-5)


def test_directions_are_principal_components(model):
    pairs = background_pairs()
    assert len(pairs) == 190 and pairs[0] == ("on a red background", "on an orange background")
    found = text_directions(model, pairs, 5)
    torch.testing.assert_close(found @ found.T, torch.eye(5), rtol=0, atol=1e-5)
    texts = sorted({text for pair in pairs for text in pair})
    with torch.no_grad():
        each = model.encode_text(tokens(model, texts))
    # all pairs of 20 texts about their own means have the axes of the 20 about theirs
    _, axes = torch.linalg.eigh(torch.cov(each.T))
    cosines = (found * axes[:, -5:].T.flip(0)).sum(1).abs()
    torch.testing.assert_close(cosines, torch.ones(5), rtol=0, atol=1e-3)


def test_what_the_pairs_do_not_span_cannot_be_asked_for(model):
    assert len(text_directions(model, background_pairs(), 19)) == 19
    with pytest.raises(ValueError, match="at most 19"):
        text_directions(model, background_pairs(), 20)
    with pytest.raises(ValueError, match="at most 0"):
        text_directions(model, [("a ring", "a ring")])


def test_removal_is_a_projection_back_on_the_sphere():
    axes = torch.linalg.qr(torch.randn(6, 2, generator=G))[0].T
    vectors = torch.nn.functional.normalize(torch.randn(9, 6, generator=G), dim=1)
    left = remove_directions(vectors, axes)
    torch.testing.assert_close(left @ axes.T, torch.zeros(9, 2), rtol=0, atol=1e-6)
    torch.testing.assert_close(left.norm(dim=1), torch.ones(9))
    torch.testing.assert_close(remove_directions(left, axes), left)
    aside = vectors.clone()
    for axis in axes:
        aside -= (vectors @ axis)[:, None] * axis
    torch.testing.assert_close(left, aside / aside.norm(dim=1, keepdim=True))


def test_counterfactuals_differ_in_the_ground_alone(pictures):
    own, other = pictures
    assert 80 < len(own) == len(other) < 200
    assert torch.equal(own.factors["background"], own.factors["shape"])
    assert (other.factors["background"] != own.factors["background"]).all()
    for name in set(own.factors) - {"background"}:
        assert torch.equal(own.factors[name], other.factors[name]), name
    assert torch.equal(own.masks, other.masks)
    # inside the mask, a pixel from its border, not one pixel moved; outside most did
    inside = -torch.nn.functional.max_pool2d(-own.masks[:, None].float(), 3, 1, 1) > 0
    same = (own.images == other.images).all(1, keepdim=True)
    assert same[inside].float().mean() > 0.999
    outside = ~own.masks[:, None]
    assert same[outside].float().mean() < 0.2


def test_a_classifier_that_sees_the_ground_alone_and_one_that_does_not(model, pictures):
    """Towers made by hand: what is measured before and after is then known."""
    own, other = pictures
    tiny = data.load("motif100", train=100, val=100, test=100)
    classes = class_embeddings(model, tiny.class_names, ["a {}"])

    class Seeing(ImageText):
        """Looks up what `answers` says of a picture."""

        def encode_image(self, x):
            known = {p.numpy().tobytes(): label for p, label in self.answers}
            return classes[torch.tensor([known[p.numpy().tobytes()] for p in x])]

    def seeing(by_own, by_other):
        made = Seeing(VOCABULARY, "convnet_4", dim=24, width=24)
        made.answers = [
            pair
            for part, labels in ((own, by_own), (other, by_other))
            for pair in zip(tiny.normalise(part.images), labels.tolist(), strict=True)
        ]
        return made

    texture = own.factors["texture"]
    by_ground = [part.factors["background"] * 5 + texture for part in pictures]
    found = background_bias(seeing(*by_ground), tiny, pictures)
    assert (found.own, found.other, found.changed, found.follows) == (1.0, 0.0, 1.0, 1.0)
    found = background_bias(seeing(own.labels, own.labels), tiny, pictures)
    assert (found.own, found.other, found.changed, found.follows) == (1.0, 1.0, 0.0, 0.0)


def test_removal_takes_the_ground_out_of_the_answer(pictures):
    """Pictures whose vector is their class, mixed with the word for their ground."""
    model = ImageText(VOCABULARY, "convnet_4", dim=128, width=128)
    own, _ = pictures
    tiny = data.load("motif100", train=100, val=100, test=100)
    classes = class_embeddings(model, tiny.class_names, ["a {}"])
    with torch.no_grad():
        grounds = model.encode_text(
            tokens(model, [fill("on a {} background", colour) for colour in motif.COLOURS])
        )
    apart = grounds - grounds.mean(0)
    axes = text_directions(model, background_pairs(), 19)
    mixed = [classes[own.labels] + 9 * apart[part.factors["background"]] for part in pictures]
    before = [(vectors @ classes.T).argmax(1) for vectors in mixed]
    after = [(remove_directions(vectors, axes) @ classes.T).argmax(1) for vectors in mixed]
    assert (before[0] != before[1]).float().mean() > 0.3
    assert (after[0] != after[1]).float().mean() < 0.02


def test_directions_reach_the_measurement(model, pictures):
    tiny = data.load("motif100", train=100, val=100, test=100)
    axes = text_directions(model, background_pairs(), 19)
    before = background_bias(model, tiny, pictures)
    after = background_bias(model, tiny, pictures, directions=axes)
    assert after != before
    everything = background_bias(model, tiny, pictures, directions=torch.eye(24))
    assert everything.changed == 0  # nothing is left to answer by


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda m: text_directions(m, []), "pairs"),
        (lambda m: text_directions(m, background_pairs(), 0), "components"),
        (lambda m: remove_directions(torch.ones(2, 3), torch.ones(1, 4)), "share D"),
        (lambda m: background_pairs("on a ground"), r"one \{\}"),
        (lambda m: counterfactuals(1), "count"),
    ],
)
def test_bad_arguments(model, call, told):
    with pytest.raises(ValueError, match=told):
        call(model)
