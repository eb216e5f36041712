"""Recipes: the published numbers, the schedules' corners, and that records follow ours."""

from pytest import approx, mark, raises

from labkit import training
from labkit.training.recipes import RECIPES, SCHEDULES


def test_published_settings():
    settings = training.recipe("repdistiller").settings("resnet20")
    assert (settings["epochs"], settings["learning_rate"], settings["batch_size"]) == (
        240,
        0.05,
        64,
    )
    assert settings["optimiser"] == "sgd" and settings["weight_decay"] == 5e-4
    assert training.recipe("mdistiller").settings("shufflenet_v1")["learning_rate"] == 0.01
    assert training.recipe("ckd").epochs == 480 and training.recipe("ckd").schedule == "cosine"
    with raises(ValueError, match="Did you mean 'repdistiller'"):
        training.recipe("repdistil")


def test_schedules_at_their_corners():
    steps, cosine, warm = (SCHEDULES[name] for name in ("steps", "cosine", "warmup-cosine"))
    rates = [steps(epoch / 240) for epoch in (149.9, 150, 180, 210)]
    assert rates == [approx(0.1**n) for n in range(4)]
    assert (cosine(0), cosine(0.5), cosine(1)) == (1, approx(0.5), approx(0))
    assert (warm(0), warm(0.1), warm(1)) == (approx(0.01), approx(1), approx(0))


@mark.parametrize("name", [name for name, each in RECIPES.items() if each.record])
def test_the_record_a_recipe_names_was_made_by_it(name):
    recipe = RECIPES[name]
    spec = training.reference(recipe.record)["spec"]
    assert (spec["epochs"], spec["batch_size"]) == (recipe.epochs, recipe.batch_size)
    assert f"{spec['data']['train']:,} pictures" in recipe.source
