"""Two towers on one sphere: scores by hand, seeds, and a pair that ships and comes back."""

import json

import pytest
import torch
import torch.nn.functional as F

from labkit import models
from labkit.data import Tokenizer
from labkit.data.captions import VOCABULARY
from labkit.evaluation import tokens
from labkit.models import teachers
from labkit.models.image_text import ImageText, load_image_text, save_image_text

IMAGES = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
TEXTS = ["a small red striped ring", "two dotted discs"]


def tiny(**changes):
    return ImageText(
        **({"words": VOCABULARY, "network": "convnet_4", "dim": 8, "width": 12} | changes)
    ).eval()


@pytest.mark.parametrize("text", models.TEXT_MODELS)
def test_both_towers_answer_with_unit_vectors(text):
    model = tiny(text=text)
    image, read = model.encode_image(IMAGES), model.encode_text(tokens(model, TEXTS))
    assert image.shape == (3, 8) and read.shape == (2, 8)
    torch.testing.assert_close(image.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(read.norm(dim=1), torch.ones(2))


def test_scores_by_hand():
    model = tiny(scale=5.0, bias=-1.5)
    pooled = model.image(IMAGES).pooled
    projected = pooled @ model.image.fc.weight.T + model.image.fc.bias
    words = tokens(model, TEXTS[1:])  # three words: their mean, then the linear layer
    mean = model.text.embed.weight[words[0]].mean(0)
    read = mean @ model.text.fc.weight.T + model.text.fc.bias
    expected = 5 * F.cosine_similarity(projected, read[None]) - 1.5
    torch.testing.assert_close(model(IMAGES, words)[:, 0], expected)


def test_the_bag_reads_no_order_and_the_transformer_does():
    swapped = ["red star blue", "blue star red"]
    for text, same in (("bag", True), ("transformer", False)):
        model = tiny(text=text)
        one, two = model.encode_text(tokens(model, swapped))
        assert torch.allclose(one, two, atol=1e-6) is same


def test_empty_and_unknown_texts_are_read_too():
    model = tiny()
    assert tokens(model, [""]).tolist() == [[0]]
    assert tokens(model, ["zebra ring"]).tolist()[0][0] == 1
    assert model.encode_text(tokens(model, ["", "zebra"])).isfinite().all()


def test_weights_depend_on_the_seed_alone():
    first = tiny(seed=3).state_dict()
    torch.manual_seed(99)
    again, other = tiny(seed=3).state_dict(), tiny(seed=4).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["image.fc.weight"], other["image.fc.weight"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"words": ["red", "blue", "ring"]}, "words must be those"),
        ({"network": "convnet_5"}, "unknown model"),
        ({"text": "sack"}, "unknown text model"),
        ({"dim": 1}, "dim"),
        ({"width": 0}, "width"),
        ({"scale": 0.0}, "scale"),
    ],
)
def test_bad_arguments(changes, told):
    with pytest.raises(ValueError, match=told):
        tiny(**changes)


def test_a_saved_pair_answers_as_before(tmp_path, monkeypatch):
    monkeypatch.setattr(teachers, "TEACHERS", tmp_path)
    model = tiny(
        text="transformer",
        scale=20.0,
        bias=-2.0,
        words=Tokenizer(["red", "blue", "ring"]).words,
        seed=5,
    )
    path = save_image_text("mine", model, {"note": "of a test"})
    again = load_image_text("mine")
    words = tokens(model, ["red ring", "blue"])
    assert torch.equal(tokens(again, ["red ring", "blue"]), words)
    with torch.no_grad():
        torch.testing.assert_close(again(IMAGES, words), model(IMAGES, words), rtol=0, atol=0.05)
    assert not again.training and not any(p.requires_grad for p in again.parameters())
    assert json.loads(path.with_suffix(".json").read_text())["note"] == "of a test"


def test_the_usual_pair_is_small_enough_to_ship(tmp_path, monkeypatch):
    monkeypatch.setattr(teachers, "TEACHERS", tmp_path)
    assert (
        save_image_text("pair", ImageText(VOCABULARY, text="transformer"), {}).stat().st_size < 1e6
    )


def test_a_classifier_is_no_pair(tmp_path, monkeypatch):
    monkeypatch.setattr(teachers, "TEACHERS", tmp_path)
    plain = models.build("convnet_4", 10)
    models.save_teacher("plain", plain, {"model": "convnet_4", "classes": 10})
    with pytest.raises(ValueError, match="is a classifier, convnet_4"):
        load_image_text("plain")
    with pytest.raises(ValueError, match="unknown teacher"):
        load_image_text("nothing")


def test_a_pair_is_no_classifier(tmp_path, monkeypatch):
    monkeypatch.setattr(teachers, "TEACHERS", tmp_path)
    save_image_text("pair", tiny(), {})
    with pytest.raises(ValueError, match="use load_image_text"):
        models.load_teacher("pair")
