"""Zero-shot: sentences, the mean of prompts on the sphere, predictions by hand."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from labkit import data
from labkit.data import captions
from labkit.data.captions import VOCABULARY
from labkit.evaluation.zero_shot import (
    ENSEMBLE,
    class_embeddings,
    fill,
    picture_embeddings,
    tokens,
    zero_shot,
)
from labkit.models.image_text import ImageText


@pytest.fixture(scope="module")
def tiny():
    return data.load("motif100", train=100, val=100, test=200)


@pytest.fixture(scope="module")
def model():
    return ImageText(VOCABULARY, "convnet_4", dim=8, width=8)


@pytest.mark.parametrize(
    ("template", "name", "text"),
    [
        ("a {}", "solid arrow", "a solid arrow"),
        ("a {}", "airplane", "an airplane"),
        ("a picture of a {}", "solid two discs", "a picture of two solid discs"),
        ("a small {} on a red background", "dotted two discs",
         "two small dotted discs on a red background"),
        ("a orange {}", "ringed ell", "an orange ringed ell"),
        ("{}!", "solid two discs", "two solid discs!"),
    ],
)  # fmt: skip
def test_sentences(template, name, text):
    assert fill(template, name) == text


def test_the_first_template_writes_motif_s_class_captions(tiny):
    labels = torch.arange(100)
    written = captions.write({"shape": labels // 5, "texture": labels % 5}, "class")
    assert [fill("a {}", name) for name in tiny.class_names] == written


def test_the_ensemble_writes_captions_of_attributes_for_every_colour(tiny):
    label, count = 57, len(ENSEMBLE)
    same = torch.full((count,), label)
    factors = {"shape": same // 5, "texture": same % 5, "color": torch.arange(count)}
    written = captions.write(factors | {"scale": torch.full((count,), 8.0)})
    assert [fill(each, tiny.class_names[label]) for each in ENSEMBLE] == written


def test_a_class_is_the_mean_of_its_prompts(model):
    found = class_embeddings(model, ["solid ring", "dotted bar"], ["a {}", "a red {}", "blue {}"])
    texts = ["a dotted bar", "a red dotted bar", "blue dotted bar"]
    with torch.no_grad():
        by_hand = F.normalize(model.encode_text(tokens(model, texts)).mean(0), dim=0)
    torch.testing.assert_close(found[1], by_hand)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))


def test_predictions_by_hand(model, tiny):
    found = zero_shot(model, tiny)
    pictures = picture_embeddings(model, tiny, batch_size=33)
    classes = class_embeddings(model, tiny.class_names, ["a {}"])
    torch.testing.assert_close(found.scores, pictures @ classes.T)
    guess = [max(range(100), key=lambda c: float(row @ classes[c])) for row in pictures]
    assert found.predictions.tolist() == guess
    right = sum(g == label for g, label in zip(guess, tiny.test.labels.tolist(), strict=True))
    assert found.accuracy == pytest.approx(right / 200)
    again = zero_shot(model, tiny, pictures=pictures)
    assert torch.equal(again.predictions, found.predictions)


def test_perfect_pictures_are_all_right_and_the_labels_decide(model, tiny):
    classes = class_embeddings(model, tiny.class_names, ENSEMBLE)
    perfect = classes[tiny.test.labels]
    assert zero_shot(model, tiny, ENSEMBLE, pictures=perfect).accuracy == 1.0
    wrong = replace(tiny, test=replace(tiny.test, labels=(tiny.test.labels + 1) % 100))
    assert zero_shot(model, wrong, ENSEMBLE, pictures=perfect).accuracy == 0.0


@pytest.mark.parametrize(
    ("names", "templates", "told"),
    [
        (["ring"], "a {}", "templates must be a list"),
        ("ring", ["a {}"], "names must be a list"),
        (["ring"], [], "templates"),
        (["ring"], ["a ring"], r"one \{\}"),
        (["ring"], ["{} {}"], r"one \{\}"),
    ],
)
def test_bad_arguments(model, names, templates, told):
    with pytest.raises(ValueError, match=told):
        class_embeddings(model, names, templates)


def test_pictures_of_another_split_are_refused(model, tiny):
    with pytest.raises(ValueError, match=r"pictures must be \[200, D\]"):
        zero_shot(model, tiny, pictures=torch.ones(3, 8))
