"""Lab 00's pictures and lab 01's perfect teacher: what is drawn is what the numbers say."""

import base64
import io
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from labkit import evaluation, figures, training
from labkit.data import captions, motif
from labkit.figures import exact
from labkit.figures import motif as drawn

SPLIT = motif.render(20)
TEXTS = captions.write(SPLIT.factors, "scene")


def sheet(figure):
    source = figure.data[0].source.removeprefix("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))


def gallery(**more):
    return drawn.gallery(SPLIT.images, TEXTS, title="t", caption="c", columns=6, **more)


def test_every_picture_stands_under_its_text():
    figure = gallery()
    pixels, dots = sheet(figure), figure.data[1]
    assert list(dots.hovertext) == TEXTS and pixels.shape == (4 * 34, 6 * 34, 3)
    for image, x, y in zip(SPLIT.images, dots.x, dots.y, strict=True):
        top, left = int(y) - 16, int(x) - 16
        shown = pixels[top : top + 32, left : left + 32]
        assert np.array_equal(shown, image.permute(1, 2, 0).numpy())


def test_outside_the_mask_everything_is_pale():
    pixels = sheet(gallery(masks=SPLIT.masks))[:32, :32]
    mask = SPLIT.masks[0].numpy()
    assert np.array_equal(pixels[mask], SPLIT.images[0].permute(1, 2, 0).numpy()[mask])
    assert pixels[~mask].min() >= 210


def test_the_puzzle_s_sets_differ_in_their_bias_alone():
    one, two = drawn.two_sets()
    fair, biased = motif.render(40, seed=7), motif.render(40, seed=7, bias=1.0)
    assert list(one.data[1].hovertext) == list(two.data[1].hovertext)  # the same classes in order
    for figure, split in ((one, fair), (two, biased)):
        first = sheet(figure)[:32, :32]
        assert np.array_equal(first, split.images[0].permute(1, 2, 0).numpy())


def test_overlap_names_the_most_alike_pair():
    matrix = torch.eye(4)
    matrix[1, 3] = matrix[3, 1] = 0.7
    figure = drawn.overlap(matrix, "abcd", title="t")
    assert figures.caption(figure) == "Most alike: b and d, 0.70 of 1."


@pytest.mark.parametrize("bias", [0.0, 0.5, 1.0])
def test_leak_is_the_closed_form(bias):
    figure = drawn.leak(bias, 1.25, 500)
    line, dot = figure.data
    assert line.y[-1] == pytest.approx(math.log(20)) and line.y[0] == pytest.approx(0, abs=1e-9)
    assert (dot.x[0], dot.y[0]) == (bias, 1.25)
    assert f"{evaluation.background_information(bias):.2f} of the 3.00 nats" in figures.caption(
        figure
    )


def test_shortcut_draws_the_recorded_rows_in_the_order_of_their_bias():
    rows = training.reference("lab00")["rows"]
    figure = drawn.shortcut(rows[::-1])
    alike, fair = figure.data
    assert list(alike.x) == sorted(row["data"]["bias"] for row in rows)
    last = next(row for row in rows if row["data"]["bias"] == 1)
    assert alike.y[-1] == pytest.approx(100 * last["val_accuracy"]["mean"])
    assert fair.y[-1] == pytest.approx(100 * last["test_accuracy"]["mean"])
    json.loads(figure.to_json())
    one = [{**row, "val_accuracy": {"mean": 0.5, "std": math.nan, "n": 1}} for row in rows]
    assert np.isfinite(drawn.shortcut(one).data[0].error_y.array).all()


TEACHER = 3 * torch.randn(30, 8, generator=torch.Generator().manual_seed(1))
TRUTH = (TEACHER / 2).softmax(1)  # what the teacher says at T = 2
NAMES = [f"class {i}" for i in range(8)]
PICTURE = torch.full((3, 32, 32), 128, dtype=torch.uint8)


def test_softness_finds_the_temperature_of_the_truth():
    figure = exact.softness(TEACHER, TRUTH, 2.0)
    away = np.asarray(figure.data[0].y)
    best = float(np.asarray(figure.data[0].x)[away.argmin()])
    assert best == pytest.approx(2, rel=0.1) and away.min() < 0.01
    assert "0.00 nats from the exact posterior" in figures.caption(figure)


@pytest.mark.parametrize("temperature", [0.5, 2.0, 8.0])
def test_distance_and_entropy_are_their_definitions(temperature):
    q = (TEACHER / temperature).softmax(1)
    away, entropy = exact.distance(TEACHER, TRUTH, temperature)
    assert away == pytest.approx((TRUTH * (TRUTH / q).log()).sum(1).mean().item(), abs=1e-5)
    assert entropy == pytest.approx(-(q * q.log()).sum(1).mean().item(), abs=1e-5)


def test_a_cold_teacher_is_far_away_but_never_nan():
    figure = exact.answers(100 * TEACHER[0], TRUTH[0], NAMES, 3, 0.125, picture=PICTURE)
    assert "nan" not in figures.caption(figure)


def test_answers_shows_both_and_their_distance():
    figure = exact.answers(TEACHER[0], TRUTH[0], NAMES, 3, 1.0, picture=PICTURE)
    truth, said = figure.data
    order = TRUTH[0].argsort(descending=True)
    assert np.asarray(truth.y) == pytest.approx(TRUTH[0][order].numpy())
    assert np.asarray(said.y) == pytest.approx(TEACHER[0].softmax(0)[order].numpy())
    assert "class 3 (drawn)" in truth.x and "A class 3 was drawn." in figures.caption(figure)
