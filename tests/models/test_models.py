"""Networks: published parameter counts, shapes, seeds; and teachers that ship."""

import torch
from pytest import approx, mark, raises

from labkit import models

# RepDistiller's networks at 100 classes, in millions of parameters.
PUBLISHED = {
    "resnet8": 0.084, "resnet14": 0.181, "resnet20": 0.278, "resnet32": 0.473,
    "resnet56": 0.862, "resnet110": 1.737, "resnet8x4": 1.234, "resnet32x4": 7.434,
}  # fmt: skip


@mark.parametrize(("name", "millions"), PUBLISHED.items())
def test_parameters_as_published(name, millions):
    assert models.parameters(models.build(name, 100)) / 1e6 == approx(millions, abs=0.0006)


@mark.parametrize(
    ("name", "maps", "width"),
    [
        ("resnet8", [(16, 32), (16, 32), (32, 16), (64, 8)], 64),
        ("resnet8x4", [(32, 32), (64, 32), (128, 16), (256, 8)], 256),
        ("convnet", [(32, 16), (64, 8), (128, 4)], 128),
    ],
)
def test_features(name, maps, width):
    out = models.build(name, 7)(torch.randn(2, 3, 32, 32))
    assert [tuple(m.shape[1:3]) for m in out.maps] == maps
    assert (tuple(out.pooled.shape), tuple(out.logits.shape)) == ((2, width), (2, 7))
    assert all(m.min() >= 0 for m in out.maps)  # after the last ReLU of each stage


def test_the_seed_decides_and_the_global_generator_stays():
    state = torch.get_rng_state()
    one, two, other = (models.build("resnet8", 10, seed=s) for s in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(next(one.parameters()), next(other.parameters()))


def test_unknown_names_and_too_few_classes():
    with raises(ValueError, match="Did you mean 'resnet20'"):
        models.build("resnt20", 10)
    with raises(ValueError, match="classes"):
        models.build("resnet8", 1)
    with raises(ValueError, match="unknown teacher"):
        models.load_teacher("resnet1000")


def test_a_saved_teacher_answers_as_before(tmp_path, monkeypatch):
    monkeypatch.setattr(models.teachers, "TEACHERS", tmp_path)
    model = models.build("resnet8", 10, seed=1).eval()
    models.save_teacher("mine", model, {"model": "resnet8", "classes": 10})
    images = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        again, before = models.load_teacher("mine")(images).logits, model(images).logits
    torch.testing.assert_close(again, before, rtol=5e-3, atol=5e-3)  # half precision
    assert not any(p.requires_grad for p in models.load_teacher("mine").parameters())
