"""Lab 09's figures of losses: their numbers against the losses, floors and records."""

import math
import re

import numpy as np
import pytest
import torch

from labkit import evaluation, figures, losses
from labkit.figures import clip_floors, clip_records, clip_scores


def numbers(figure):
    return [float(n) for n in re.findall(r"[-+]?\d+\.\d+", figures.caption(figure))]


def slopes(figure):
    return np.asarray(figure.data[1].customdata), np.asarray(figure.data[1].z)


@pytest.mark.parametrize("negatives", [1, 3])
def test_the_loss_of_the_scores_is_the_loss(negatives):
    image, text = clip_scores.made_up(7)
    table = 5 * image @ text.T
    expected = {
        "clip": losses.clip(image, text, scale=5),
        "siglip": losses.siglip(image, text, scale=5, bias=-2),
        "clip_lite": losses.clip_lite(image, text, scale=5, negatives=negatives),
    }
    for loss, value in expected.items():
        given = table - 2 if loss == "siglip" else table
        found = clip_scores.loss_of_scores(loss, given, negatives)
        assert found.item() == pytest.approx(value.item(), abs=1e-12)


def test_gradients_push_through_to_the_embeddings():
    image, text = clip_scores.made_up(6)
    text.requires_grad_()
    losses.clip_lite(image, text, scale=2, negatives=2).backward()
    slope, _ = slopes(clip_scores.scores("clip_lite", 6, 2, 0.5))
    radial = 2 * torch.tensor(slope).T @ image  # by the unit vector, before it is projected
    y = text.detach()
    torch.testing.assert_close(radial - (radial * y).sum(1, keepdim=True) * y, text.grad)


def test_two_diagonals_carry_gradient_and_the_rest_is_empty():
    figure = clip_scores.scores("clip_lite", 8, 1, 0.07)
    slope, shown = slopes(figure)
    assert (slope != 0).sum() == 16
    assert (np.isnan(shown.astype(float)) == (slope == 0)).all()
    assert (np.diag(slope) < 0).all() and (np.diag(np.roll(slope, -1, axis=1)) > 0).all()
    assert "16 of 64 cells carry gradient" in figures.caption(figure)
    for loss in ("clip", "siglip"):
        assert "64 of 64 cells" in figures.caption(clip_scores.scores(loss, 8))
    assert "K = 7" in figures.caption(clip_scores.scores("clip_lite", 8, 31))


def test_a_clip_row_and_column_balance_and_siglip_s_bias_moves_the_push():
    slope, _ = slopes(clip_scores.scores("clip", 5, temperature=0.5))
    assert slope.sum() == pytest.approx(0, abs=1e-12)
    shares = [re.search(r"(\d+)% of it on", figures.caption(clip_scores.scores(
        "siglip", 32, temperature=0.5, bias=bias))).group(1) for bias in (0, -10)]  # fmt: skip
    assert int(shares[0]) < 10 and int(shares[1]) > 80


def test_scores_of_given_pairs_and_bad_values():
    pair = torch.eye(4), torch.eye(4)
    figure = clip_scores.scores("clip", 3, temperature=1.0, pairs=pair)
    assert numbers(figure)[0] == pytest.approx(math.log(1 + 2 / math.e), abs=5e-4)
    for bad, name in (({"loss": "clap"}, "loss"), ({"batch": 33}, "batch"), ({"batch": 1}, "batch"),
                      ({"temperature": 0}, "temperature"), ({"negatives": 0}, "negatives"),
                      ({"loss": "siglip", "bias": math.nan}, "bias")):  # fmt: skip
        with pytest.raises(ValueError, match=name):
            clip_scores.scores(**{"loss": "clip", "batch": 4} | bad)
    with pytest.raises(ValueError, match="negatives"):
        clip_scores.loss_of_scores("clip_lite", torch.eye(4), 4)


def test_floors_are_those_of_the_evaluation():
    figure = clip_floors.floors(256, 10)
    assert numbers(figure)[:4] == [3.260, 4.258, 0.335, 3.260]
    assert numbers(figure)[4:] == [2.285, 2.303]
    clip, siglip, lite = figure.data[:3]
    at = list(clip.x).index(64)
    assert clip.y[at] == pytest.approx(1.929, abs=1e-3)
    assert siglip.y[at] == pytest.approx(2.916, abs=1e-3)
    assert len(set(lite.y)) == 1
    told = figure.data[6]
    assert max(told.y) < math.log(10) and list(told.y) == sorted(told.y)


def test_a_temperature_lifts_the_floors():
    free, bound = (numbers(clip_floors.floors(100, 10, t)) for t in (None, 0.5))
    assert bound[1] > free[0] + 0.1 and bound[3] > free[2]
    tight = evaluation.siglip_floor(100, 10, scale=2, bias=-math.log(99))
    assert bound[2] == pytest.approx(tight, abs=5e-4)


def test_measured_points_lie_over_both_panels():
    points = [{"batch": 64, "loss_name": "clip", "value": 2.0},
              {"batch": 64, "loss_name": "clip_lite", "value": 0.4}]  # fmt: skip
    more = clip_floors.floors(64, 10, measured=points).data
    assert len(more) == len(clip_floors.floors(64, 10).data) + 3
    assert more[-1].y[0] == pytest.approx(math.log(64) - 2.0) and more[-1].xaxis == "x2"
    assert [list(t.y) for t in more[-3:-1]] != [[2.0], [0.4]]  # left panel's traces come first
    assert [2.0] in [list(t.y) for t in more if t.xaxis == "x"]
    with pytest.raises(ValueError, match="batch"):
        clip_floors.floors(1, 10)
    with pytest.raises(ValueError, match="loss"):
        clip_floors.floor("clap", 4, 10)


def test_the_puzzle_s_bars():
    assert list(clip_floors.puzzle([16, 64, 256]).data[0].text)[1:] == ["1.93", "3.26"]


def row(label, batch, mean, n=3, **more):
    spread = 0.02 if n > 1 else math.nan
    return {"label": label, "batch_size": batch, **more,
            "test_accuracy": {"mean": mean, "std": spread, "n": n}}  # fmt: skip


def test_measured_batches():
    rows = [row("clip", 64, 0.5), row("clip", 16, 0.2), row("clip_lite", 16, 0.3, n=1),
            row("clip_lite, all negatives", 64, 0.6), row("ranking", 32, 0.9)]  # fmt: skip
    figure = clip_records.batches(rows)
    clip = figure.data[0]
    assert list(clip.x) == [16, 64] and list(clip.y) == pytest.approx([20, 50])
    assert list(clip.error_y.array) == pytest.approx([2, 2])
    assert list(figure.data[2].error_y.array) == [0]  # one seed has no spread
    assert {t.xaxis for t in figure.data} == {"x"}
    said = figures.caption(figure)
    assert "at B = 16 CLIP 20.0, CLIP-Lite, K = 1 30.0; at B = 64 CLIP 50.0" in said
    assert "ranking" not in said
    held = row("clip", 16, 0.2, test_held_out={"mean": 0.1, "std": 0.0, "n": 3})
    assert {t.xaxis for t in clip_records.batches([held]).data} == {"x", "x2"}
    with pytest.raises(ValueError, match="nothing is recorded"):
        clip_records.batches(rows[-1:])
