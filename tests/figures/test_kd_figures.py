"""Lab 01's figures: what is drawn is what the numbers say, at every setting of the sliders."""

import json
import math

import numpy as np
import pytest
import torch

from labkit import data, figures, losses
from labkit.figures import kd, records

C = 12
GENERATOR = torch.Generator().manual_seed(0)
TEACHER = 4 * torch.randn(40, C, generator=GENERATOR)
STUDENT = torch.randn(40, C, generator=GENERATOR)
LABELS = torch.randint(C, (40,), generator=GENERATOR)
NAMES = [f"class {i}" for i in range(C)]
PICTURE = torch.randint(256, (3, 32, 32), generator=GENERATOR, dtype=torch.uint8)
NEARNESS = torch.linspace(0, 1, C).roll(int(LABELS[0]) + 1)  # 1 at the label
TEMPERATURES = [0.25, 1.0, 4.0, 64.0]


def softened(temperature, **more):
    more = {"picture": PICTURE, "nearness": NEARNESS} | more
    return kd.softened(TEACHER[0], NAMES, int(LABELS[0]), temperature, **more)


def values(figure):
    return np.concatenate([np.asarray(trace.y) for trace in figure.data])


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_softened_bars_are_the_softmax(temperature):
    figure = softened(temperature)
    expected = (TEACHER[0] / temperature).softmax(0)
    assert values(figure).sum() == pytest.approx(1, abs=1e-5)
    assert np.sort(values(figure)) == pytest.approx(expected.sort().values.numpy(), abs=1e-6)
    label = int(LABELS[0])
    assert figure.data[0].y[0] == pytest.approx(expected[label].item())
    assert f"T = {temperature:.2f}" in figures.caption(figure)


def test_softened_is_ordered_by_the_truth_and_works_without_one():
    figure = softened(4.0)
    order = NEARNESS.argsort(descending=True)
    named = [name for trace in figure.data for name in trace.hovertext]
    assert named == [NAMES[i] for i in order.tolist()]
    blind = softened(4.0, nearness=None)
    rest = np.concatenate([blind.data[1].y, blind.data[2].y])
    assert (np.diff(rest) <= 1e-9).all()
    assert "teacher ranks next" in figures.caption(blind)


def test_softened_of_two_classes():
    figure = kd.softened(torch.tensor([2.0, 0.0]), ["a", "b"], 1, 1.0, picture=PICTURE)
    assert values(figure).sum() == pytest.approx(1, abs=1e-6)


def test_few_classes_are_named_on_the_axis():
    figure = softened(4.0)
    order = NEARNESS.argsort(descending=True)
    assert list(figure.layout.xaxis.ticktext) == [NAMES[i] for i in order.tolist()]
    many = kd.softened(torch.randn(60), [str(i) for i in range(60)], 3, 2.0, picture=PICTURE)
    assert many.layout.xaxis.ticktext is None
    assert many.layout.xaxis.title.text == "classes, likeliest to the teacher first"


def test_axis_switch():
    assert softened(1.0, log_axis=True).layout.yaxis.type == "log"
    assert softened(1.0).layout.yaxis.type == "linear"


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gradient_dot_sits_on_the_loss_gradient(temperature):
    figure = kd.gradient_sizes(STUDENT, TEACHER, LABELS, temperature)
    logits = STUDENT.clone().requires_grad_()
    loss = losses.kd(logits, TEACHER, temperature=temperature)
    (slope,) = torch.autograd.grad(loss, logits)
    wrong = (slope * len(slope)).scatter(1, LABELS[:, None], 0.0)
    dot = next(t for t in figure.data if t.mode == "markers")
    assert dot.y[0] == pytest.approx(wrong.square().sum(1).mean().sqrt().item(), rel=1e-4)


def test_limit_error_falls_with_temperature():
    def error(temperature):
        text = figures.caption(kd.limit(STUDENT, TEACHER, temperature))
        return float(text.split(" by ")[1].split("%")[0])

    assert error(1.0) > error(8.0) > error(64.0) > 0


def test_similarity_scales_and_names_the_agreement():
    truth = torch.rand(C, C, generator=GENERATOR)
    figure = kd.similarity(truth**2, NAMES, 4.0, truth=truth)
    assert len(figure.data) == 2
    assert "rank correlation of 1.00" in figures.caption(figure)
    assert max(v for row in figure.data[0].z for v in row if v is not None) == pytest.approx(1)
    assert all(row[i] is None for i, row in enumerate(figure.data[0].z))
    assert len(kd.similarity(truth, NAMES, 4.0).data) == 1


ROWS = [
    {
        "label": label, "temperature": t, "alpha": a,
        "test_accuracy": {"mean": mean, "std": 0.01, "n": 3},
        "difference": {"mean": mean - 0.1, "low": mean - 0.12, "high": mean - 0.08},
    }
    for label, t, a, mean in (
        ("ce", 1, 0.5, 0.1), ("kd", 4, 0.5, 0.3), ("kd", 1, 0.9, 0.2), ("kd", 4, 0.9, 0.4),
    )
]  # fmt: skip


def test_comparison_shows_means_spreads_and_paired_differences():
    figure = records.comparison(ROWS[:2], {"ce": "labels", "kd": "teacher"}, baseline="ce")
    assert list(figure.data[0].x) == pytest.approx([30, 10])
    assert list(figure.data[1].x) == pytest.approx([20, 0])
    assert list(figure.data[1].error_x.array) == pytest.approx([2, 2])
    assert "+20.0 points against labels" in figures.caption(figure)


def test_one_seed_has_no_bar_and_says_so():
    single = ROWS[1] | {
        "test_accuracy": {"mean": 0.3, "std": math.nan, "n": 1},
        "difference": {"mean": 0.2, "low": -math.inf, "high": math.inf, "n": 1},
    }
    figure = records.comparison([ROWS[0], single], {"ce": "labels", "kd": "teacher"}, "ce")
    assert list(figure.data[1].y) == ["teacher (one seed)", "labels"]
    assert [figure.data[side].error_x.array[0] for side in (0, 1)] == [0.0, 0.0]


def test_surface_marks_the_nearest_setting():
    rows = [{**row, "label": "grid"} for row in ROWS]
    figure = records.surface(rows, yours={"temperature": 3.0, "alpha": 0.85})
    assert figure.data[0].z[1][1] == pytest.approx(40)
    frame = figure.layout.shapes[0]
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (0.5, 1.5, 0.5, 1.5)  # T = 4, alpha = 0.9
    assert "Nearest to your run: 40.0 %" in figures.caption(figure)
    assert not records.surface(rows).layout.shapes


@pytest.mark.parametrize("classes", [2, 100, 1000])
def test_reduction_bug_weights(classes):
    labels, teacher = kd.reduction_bug(0.9, classes).data
    assert list(labels.y) == pytest.approx([0.1, 0.1])
    assert list(teacher.y) == pytest.approx([0.9, 0.9 / classes])
    assert f"{classes:,.3g} times smaller" in figures.caption(kd.reduction_bug(1.0, classes))


def test_puzzle():
    figure = kd.puzzle(TEACHER[0], NAMES, int(LABELS[0]), PICTURE)
    assert len(figure.data[0].y) == 10
    assert list(figure.data[0].y) == sorted(figure.data[0].y, reverse=True)


def test_every_figure_has_titles_a_caption_and_travels_as_json():
    truth = torch.rand(C, C, generator=GENERATOR)
    made = [
        softened(2.0), kd.puzzle(TEACHER[0], NAMES, 0, PICTURE), kd.limit(STUDENT, TEACHER, 2.0),
        kd.gradient_sizes(STUDENT, TEACHER, LABELS, 2.0), kd.similarity(truth, NAMES, 2.0),
        records.surface(ROWS), records.comparison(ROWS[:2], {"ce": "a", "kd": "b"}, "ce"),
        kd.reduction_bug(0.5, 10),
    ]  # fmt: skip
    for figure in made:
        assert figures.caption(figure).endswith(".")
        assert json.loads(figure.to_json())["data"]


def test_motif_truth_is_what_the_lab_passes():
    overlap = data.motif.class_overlap()
    figure = kd.softened(
        torch.randn(100), [str(i) for i in range(100)], 7, 2.0,
        picture=PICTURE, nearness=overlap[7],
    )  # fmt: skip
    assert len(values(figure)) == 100


def test_a_row_compared_with_another_is_refused():
    from labkit.training import reference

    rows = reference("lab06")["rows"]
    one = [row for row in rows if row["pair"] == "wrn_16_2-convnet"]
    assert figures.records.comparison(one, {"both": "WCoRD", "crd": "CRD"}, "crd")
    with pytest.raises(ValueError, match="'identity-5' is compared with 'cross-entropy'"):
        figures.records.comparison(one, {"identity-5": "identity", "crd": "CRD"}, "crd")
