"""Training of pairs: every loss learns, budgets are equal, seeds repeat, captions stay true."""

import math
from dataclasses import replace
from unittest import mock

import pytest
import torch

from labkit import data, evaluation, losses
from labkit.data import Tokenizer, captions
from labkit.models.image_text import ImageText
from labkit.training import Control, Done, Evaluation, KnobChange, Run, Start, Step, streams
from labkit.training.image_text import fit_pairs
from labkit.training.image_text_method import KNOBS, unseen_combinations

TEMPLATES = ["a picture of a {}", "a photo of a {}"]


@pytest.fixture(scope="module")
def tiny():
    return data.load("motif100", train=200, val=100, test=100, difficulty=0.1)


def pair(**changes):
    usual = {"words": captions.VOCABULARY, "network": "convnet_4", "dim": 16, "width": 16}
    return ImageText(**(usual | {"scale": 5.0, "bias": -1.0} | changes))


def train(model, dataset, **changes):
    usual = {"pictures": 128, "batch_size": 16, "precision": "fp32"}
    return list(fit_pairs(model, dataset, **(usual | changes)))


def captions_of_steps(model, dataset, **changes):
    """The captions of each batch, and the step's terms."""
    usual = {"batch_size": 16, "precision": "fp32", "evaluations": 1}
    found, seen = [], []

    def read(model, texts):
        seen.append(list(texts))
        return evaluation.tokens(model, texts)

    with mock.patch("labkit.training.image_text.tokens", read):
        for event in fit_pairs(model, dataset, **(usual | changes)):
            if isinstance(event, Step):
                found.append((seen[0], event.terms))
            seen.clear()
    return found


def steps(events):
    return [event for event in events if isinstance(event, Step)]


def test_the_events_are_those_of_a_training(tiny):
    events = train(pair(), tiny, pictures=500, batch_size=50)
    assert isinstance(events[0], Start) and isinstance(events[-1], Done)
    assert (events[0].steps, events[0].epochs) == (10, 2.5)
    assert [event.step for event in steps(events)] == list(range(1, 11))
    assert steps(events)[-1].epoch == 2.5
    seen = [event for event in events if isinstance(event, Evaluation)]
    assert [event.step for event in seen] == [5, 10]
    assert set(seen[0].metrics) == {"accuracy", "image_to_text", "text_to_image"}
    record = events[-1].record
    assert record["config"]["level"] == "attributes" and len(record["curve"]) == 2
    assert record["result"]["val_accuracy"] == seen[-1].metrics["accuracy"]
    assert 0 <= record["result"]["test_accuracy"] <= 1 and record["result"]["scale"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "text"), [*((loss, "bag") for loss in KNOBS), ("clip", "transformer")]
)
def test_every_loss_falls(loss, text, tiny):
    model = pair(text=text, scale=10.0, bias=-3.0)
    events = train(model, tiny, loss=loss, pictures=800, learning_rate=0.01, evaluations=1)
    values = [event.terms[loss] for event in steps(events)]
    assert sum(values[-5:]) < 0.85 * sum(values[:5])


@pytest.mark.slow
def test_training_beats_chance_ten_times(tiny):
    model = pair(network="convnet_8", dim=32, width=32)
    train(model, tiny, pictures=2400, batch_size=40, evaluations=1, learning_rate=0.01)
    with torch.no_grad():
        texts = captions.write(tiny.train.factors)
        image = model.encode_image(tiny.normalise(tiny.train.images))
        right = (image @ model.encode_text(evaluation.tokens(model, texts)).T).argmax(
            1
        ) == torch.arange(200)
    assert right.float().mean() > 10 / 200


@pytest.mark.parametrize("loss", KNOBS)
def test_the_first_step_s_loss_is_that_of_its_pictures(loss, tiny):
    model, again = pair(), pair().train()
    shown = torch.randperm(200, generator=streams(7)["order"])[:16]
    texts, terms = captions_of_steps(
        model, tiny, loss=loss, control=Control(negatives=3.0, margin=0.4), augment=False,
        pictures=16, seed=7,
    )[0]  # fmt: skip
    assert texts == captions.write(tiny.train.subset(shown).factors)
    image = again.image(tiny.normalise(tiny.train.images[shown])).logits
    arguments = {
        "clip": {"scale": 5.0},
        "siglip": {"scale": 5.0, "bias": -1.0},
        "clip_lite": {"scale": 5.0, "negatives": 3},
        "ranking": {"margin": 0.4},
    }[loss]
    expected = getattr(losses, loss)(
        image, again.text(evaluation.tokens(again, texts)), **arguments
    )
    assert terms == {loss: pytest.approx(expected.item(), rel=1e-4)}


def test_all_batch_sizes_show_the_same_pictures_in_the_same_order(tiny):
    """480 of 200: a pass ends within a batch; each pass shows every picture once."""
    small, large = (
        captions_of_steps(pair(), tiny, pictures=480, batch_size=size, augment=False)
        for size in (16, 160)
    )
    assert (len(small), len(large)) == (30, 3)
    first, second = ([text for texts, _ in each for text in texts] for each in (small, large))
    assert first == second
    everything = sorted(captions.write(tiny.train.factors))
    assert sorted(first[:200]) == sorted(first[200:400]) == everything
    assert first[:200] != first[200:400]


def test_a_seed_repeats_itself_and_another_does_not(tiny):
    runs = [train(pair(), tiny, level="scene", seed=seed) for seed in (1, 1, 2)]
    curves = [[event.terms["clip"] for event in steps(run)] for run in runs]
    assert curves[0] == curves[1] != curves[2]


def test_captions_move_with_the_pictures(tiny):
    """Each is true of the picture shown: its words of place are read off the pixels."""
    white = (255 * tiny.train.masks[:, None]).expand(-1, 3, -1, -1).to(torch.uint8)
    bright = replace(tiny, train=replace(tiny.train, images=white.contiguous()))
    model, pictures = pair(), []
    model.image.register_forward_pre_hook(lambda module, inputs: pictures.append(inputs[0]))
    texts, _ = captions_of_steps(model, bright, level="scene", pictures=160, batch_size=160)[0]
    shown = pictures[0].mean(1) > 0  # [160, 32, 32], the masks as they were moved
    across = torch.linspace(-15.5, 15.5, 32)
    x = (shown * across).sum((1, 2)) / shown.sum((1, 2))  # of the mass, the crescent's is aside
    told = torch.tensor([("right" in text) - ("left" in text) for text in texts])
    even = torch.tensor(["crescent" not in text for text in texts])
    x, told = x[even], told[even]
    assert (told > 0).sum() > 20 and (told < 0).sum() > 20
    assert (x.sign() == told)[x.abs() > 3].all() and (x.abs() > 3).sum() > 20
    assert (x.abs() < 3)[told == 0].all() and (told == 0).sum() > 20


def test_held_out_classes_are_not_shown_and_are_asked_for(tiny):
    held = unseen_combinations()
    assert len(held) == 20 and {label // 5 for label in held} == set(range(20))
    assert [sum(label % 5 == t for label in held) for t in range(5)] == [4] * 5
    assert len(unseen_combinations(3)) == 60
    settings = {"level": "class", "held_out": held, "pictures": 160, "batch_size": 80}
    shown = {text for texts, _ in captions_of_steps(pair(), tiny, **settings) for text in texts}
    grid = {"shape": torch.arange(100) // 5, "texture": torch.arange(100) % 5}
    names = captions.write(grid, "class")
    assert shown == set(names) - {names[label] for label in held}
    events = train(pair(), tiny, **settings)
    assert 0 <= events[-2].metrics["held_out"] <= 1
    assert events[-1].record["config"]["held_out"] == sorted(held)


def test_templates_serve_pictures_without_factors(tiny):
    bare = replace(
        tiny,
        **{s: replace(tiny.split(s), factors={}, masks=None) for s in ("train", "val", "test")},
    )
    words = " ".join([*tiny.class_names, "a an picture photo of two"]).split()
    model = pair(words=Tokenizer(dict.fromkeys(words)).words)
    events = train(model, bare, templates=TEMPLATES)
    assert events[-1].record["config"]["templates"] == TEMPLATES
    assert steps(events)[-1].terms["clip"] > 0
    with pytest.raises(ValueError, match="lacks 'shape'"):
        train(model, bare)


def test_knobs_reach_a_run_and_its_record(tiny):
    control = Control(negatives=1.0)
    events = fit_pairs(
        pair(),
        tiny,
        loss="clip_lite",
        pictures=64,
        batch_size=16,
        control=control,
        precision="fp32",
    )
    next(events), next(events)
    control.request(negatives=99.0)  # more than there are: B - 1
    rest = list(events)
    assert any(isinstance(event, KnobChange) for event in rest)
    assert rest[-1].record["knob_changes"] == [{"step": 1, "name": "negatives", "new": 99.0}]


def test_measure_changes_nothing_and_follows_the_knobs(tiny):
    model = pair(scale=20.0)
    events = fit_pairs(model, tiny, loss="ranking", pictures=64, batch_size=16, precision="fp32")
    start = next(events)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    low, high, again = (start.measure({"margin": m})["ranking"] for m in (0.1, 1.0, 0.1))
    assert low == again < high
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_scale_and_bias_are_learnt_only_where_the_loss_has_them(tiny):
    for loss, scale, bias in (
        ("clip", True, False), ("siglip", True, True), ("clip_lite", True, False),
        ("ranking", False, False),
    ):  # fmt: skip
        model = pair(scale=5.0, bias=-1.0)
        train(model, tiny, loss=loss, pictures=64)
        assert (model.scale.item() != pytest.approx(5.0, abs=1e-7)) is scale, loss
        assert (model.bias.item() != -1.0) is bias, loss
    model = pair()
    model.log_scale.requires_grad_(False)
    train(model, tiny, pictures=64)
    assert model.scale.item() == pytest.approx(5.0)


def test_clip_s_scale_is_clamped_and_the_others_are_not(tiny):
    for loss, most in (("clip", 100.0), ("clip_lite", 200.0)):
        model = pair(scale=200.0)
        model.log_scale.requires_grad_(False)
        train(model, tiny, loss=loss, pictures=32)
        assert model.scale.item() == pytest.approx(most, rel=1e-4)


def test_a_run_that_diverges_says_so_and_gives_the_model_back(tiny):
    model = pair()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    events = fit_pairs(
        model, tiny, pictures=320, batch_size=16, learning_rate=1e30, schedule="cosine",
        precision="fp32", evaluations=1,
    )  # fmt: skip
    with pytest.raises(FloatingPointError, match="back as it was"):
        list(events)
    learnt = [name for name, _ in model.named_parameters()]
    assert all(torch.equal(before[name], model.state_dict()[name]) for name in learnt)


def test_a_panel_s_run_can_drive_it(tiny):
    run = Run(fit_pairs(pair(), tiny, pictures=64, batch_size=16, precision="fp32"))
    run.start("blocking", lambda event: None)
    assert math.isfinite(run.result()["curve"][-1]["terms"]["clip"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"loss": "clop"}, "unknown loss"),
        ({"level": "poem"}, "unknown level"),
        ({"batch_size": 1}, "batch_size"),
        ({"batch_size": 201}, "batch_size must be at most the 200"),
        ({"pictures": 15}, "pictures must be at least batch_size"),
        ({"held_out": (100,)}, "held_out"),
        ({"held_out": range(100)}, "batch_size must be at most the 0"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"optimiser": "lion"}, "unknown optimiser"),
        ({"schedule": "stairs"}, "unknown schedule"),
        ({"templates": "a {}"}, "templates must be a list"),
        ({"templates": ["a photograph of a {}"]}, "lacks words of the captions, of, photograph"),
    ],
)
def test_bad_arguments(changes, told, tiny):
    with pytest.raises(ValueError, match=told):
        train(pair(), tiny, **changes)


def test_unseen_combinations_leave_every_texture():
    with pytest.raises(ValueError, match="below 5"):
        unseen_combinations(5)
