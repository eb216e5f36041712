"""The loop's augmentation: by name, in the record when it is not the default, epoch by epoch."""

import pytest

from labkit import data, models, training
from labkit.data import types
from labkit.training import Run, Step


@pytest.fixture(scope="module")
def pictures():
    return data.motif.load(train=200, val=100, test=100)


def trained(dataset, epochs=1, **settings):
    """The losses of a run, what each batch showed, and the record."""
    seen = []

    def method(student, teacher, batch, knobs):
        seen.append((batch.index.tolist(), batch.images.sum().item()))
        return training.cross_entropy(student, teacher, batch, knobs)

    model = models.build("convnet", dataset.classes, seed=0)
    fit = {"epochs": epochs, "batch_size": 50, "precision": "fp32"} | settings
    run = Run(training.fit(model, method, dataset, **fit)).start()
    return [event.terms for event in run.log if isinstance(event, Step)], seen, run.result()


def test_the_default_has_a_name_that_old_records_need_not_know(pictures):
    losses, seen, record = trained(pictures)
    same_losses, same, _ = trained(pictures, augment="crop-flip")
    assert (losses, seen) == (same_losses, same)
    assert "augment" not in record["config"]


def test_other_recipes_show_the_same_pictures_otherwise_and_are_recorded(pictures):
    default = trained(pictures)[1]
    for name in ("none", "contrastive"):
        _, seen, record = trained(pictures, augment=name)
        assert record["config"]["augment"] == name
        assert [index for index, _ in seen] == [index for index, _ in default]
        assert [total for _, total in seen] != [total for _, total in default]


def test_the_recipe_hears_the_number_of_the_epoch(pictures, monkeypatch):
    heard = []
    flip = data.augment.alternating_flip

    def listening(images, index, epoch):
        heard.append(epoch)
        return flip(images, index, epoch)

    monkeypatch.setattr(data.augment, "alternating_flip", listening)
    trained(pictures, epochs=2, augment="alternating-flip")
    assert heard == [1] * 4 + [2] * 4


def test_an_unknown_recipe_is_named_before_anything_runs(pictures):
    with pytest.raises(ValueError, match=r"unknown augment 'crop'.*Did you mean 'crop-flip'"):
        trained(pictures, augment="crop")


def test_pictures_that_do_not_fit_train_the_same_from_the_host(pictures, monkeypatch):
    usual = trained(pictures)[:2]
    monkeypatch.setattr(types, "free_bytes", lambda device: -1.0)
    with pytest.warns(UserWarning, match="stays in host memory"):
        assert trained(pictures)[:2] == usual
