"""Lab 07's figures: their numbers against the losses, and what must not change."""

import math
import re

import pytest
import torch
import torch.nn.functional as F

from labkit import evaluation, figures, losses
from labkit.figures import mimkd, mimkd_batch, mimkd_nats, mimkd_places, mimkd_records


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def picture():
    return (draw(0, 3, 32, 32).sigmoid() * 255).to(torch.uint8)


def numbers(figure):
    return [float(n) for n in re.findall(r"[-+]?\d+\.\d+", figures.caption(figure))]


def sizes(figure):
    return [(s.xref, s.x1 - s.x0, s.y1 - s.y0) for s in figure.layout.shapes]


def test_the_frames_hold_what_a_term_compares(picture):
    teacher, student = draw(1, 128, 8, 8), draw(2, 64, 4, 4)
    shown = [mimkd.three(picture, teacher, student, term, 2, 3) for term in mimkd.TERMS]
    assert sizes(shown[0]) == [("x2", 32, 32), ("x3", 32, 32)]
    assert sizes(shown[1]) == [("x2", 32, 32), ("x3", 8, 8), ("x", 8, 8)]
    assert sizes(shown[2]) == [("x2", 8, 8), ("x3", 8, 8), ("x", 8, 8)]
    assert (shown[1].layout.shapes[1].x0, shown[1].layout.shapes[1].y0) == (15.5, 7.5)
    assert "16 questions" in figures.caption(shown[1])
    for bad, name in (({"row": 5}, "row"), ({"column": 0}, "column"), ({"term": "all"}, "term")):
        good = {"term": "local", "row": 1, "column": 1}
        with pytest.raises(ValueError, match=name):
            mimkd.three(picture, teacher, student, **good | bad)


def test_a_heat_lies_where_its_pixels_lie():
    made = mimkd.heat(draw(3, 4, 4))
    assert made["x0"] + 3 * made["dx"] == 31.5 - made["dx"] / 2
    assert mimkd.grid(draw(0, 2, 32, 16), draw(0, 2, 9, 7)) == (8, 7)


def masks():
    """One motif a picture: left upper quarter, or right lower one."""
    made = torch.zeros(4, 32, 32, dtype=torch.bool)
    made[:3, :16, :16] = True
    made[3, 16:, 16:] = True
    return made


def test_looking_says_where_and_leaves_out_what_is_not_known(picture):
    heat, one = torch.zeros(4, 4), masks()[0]
    heat[1, 0] = 2.5
    course = [(0, evaluation.Pointing(0.1, 0.125, 0.6, 0.7)),
              (9, evaluation.Pointing(0.5, 0.125, 0.6, 0.7))]  # fmt: skip
    figure = mimkd_places.looking(picture, heat, one, course, 1, rival=0.4)
    said = figures.caption(figure)
    assert "+2.50, row 2, column 1 of 4 x 4; 100% of that cell is motif" in said
    assert "looked at: 50%; a cell at random 12%, always the same cell 60%" in said
    assert "largest place 40%" in said
    blind = mimkd_places.looking(picture, heat, None)
    assert "motif" not in figures.caption(blind) and len(blind.data) == 2


def test_the_loss_hides_nats_that_a_readout_shows():
    low, high = numbers(mimkd_nats.hidden(8, "DV", 1.0, 64))[:2]
    assert low == pytest.approx(0.067 - 2 * math.log(2), abs=0.03)
    assert high == pytest.approx(0.027 - 2 * math.log(2), abs=0.03)
    for nats, loss in ((0, 0.0), (2, 0.687 - 2 * math.log(2))):
        assert numbers(mimkd_nats.hidden(nats, "InfoNCE", 1.0, 64))[0] == pytest.approx(
            loss, abs=0.06
        )


def test_the_puzzle_s_bars_are_the_same_losses():
    bars = mimkd_nats.puzzle({"A": 2, "B": 8, "C": 10}).data[0]
    for loss, nats in zip(bars.y, (2, 8, 10), strict=True):
        shown = numbers(mimkd_nats.hidden(nats, "DV", 1.0, 64))[0]
        assert loss == pytest.approx(shown, abs=6e-4)


def test_a_readout_by_infonce_stays_below_log_b_and_the_truth():
    for batch in (16, 64):
        for factor in (0.5, 1.0, 2.0):
            line = mimkd_nats.hidden(4, "InfoNCE", factor, batch).data[3]
            assert max(line.y) <= math.log(batch)
    with pytest.raises(ValueError, match="readout"):
        mimkd_nats.hidden(4, "KL", 1.0, 16)


def test_the_spread_falls_and_the_mean_stays():
    scores = draw(5, 16, 16, 3) + 2 * torch.eye(16)[..., None]
    means = mimkd_batch.estimates(scores, repeats=400)
    others = ~torch.eye(16, dtype=torch.bool)
    exactly = losses.mimkd_jsd(scores.diagonal(), scores[others]).item()
    assert means[:, -1].std() < 1e-12
    assert means[0, -1].item() == pytest.approx(exactly, abs=1e-6)
    assert means[:, 0].mean().item() == pytest.approx(exactly, abs=0.02)
    assert means[:, 0].std() > 2.5 * means[:, 7].std()  # drawn without replacement
    k, one, every = numbers(mimkd_batch.spread(scores, 15))[0::2]
    assert k == every and one == pytest.approx(exactly, abs=0.02)
    with pytest.raises(ValueError, match="negatives"):
        mimkd_batch.spread(scores, 16)


@pytest.mark.parametrize("temperature", [0.2, 2.0])
def test_arrows_that_move_freely_get_to_the_reachable_floor(temperature):
    low = mimkd_batch.reachable(temperature, 8)
    x, y = (draw(seed, 8, 16).requires_grad_() for seed in (6, 7))
    downhill = torch.optim.Adam([x, y], lr=0.1)
    for _ in range(150):
        downhill.zero_grad()
        scores = F.normalize(x) @ F.normalize(y).T / temperature
        loss = losses.mimkd_jsd(scores.diagonal(), scores[~torch.eye(8, dtype=torch.bool)])
        loss.backward()
        downhill.step()
    assert low - 1e-6 <= loss.item() <= low + 0.02
    assert mimkd_batch.floor(temperature) <= low


def test_the_ceiling_is_what_infonce_reads_from_a_simplex():
    for temperature in (0.1, 1.0):
        scores = (torch.eye(16) - (1 - torch.eye(16)) / 15) / temperature
        read = losses.mimkd_nats(scores).item()
        assert mimkd_batch.ceiling(temperature, 16) == pytest.approx(read, abs=1e-5)
    said = figures.caption(mimkd_batch.allowed(1.0, 64))
    assert "within ± 1." in said and "0.99 nats" in said


def rows():
    def one(mean, gain, n=3):
        low = gain - 0.01 if n > 1 else -math.inf
        spread = 0.004 if n > 1 else math.nan
        return {"test_accuracy": {"mean": mean, "std": spread, "n": n},
                "difference": {"mean": gain, "low": low, "high": 2 * gain - low}}  # fmt: skip

    return {"small/kd": one(0.2, 0.0), "small/mimkd": one(0.3, 0.1),
            "large/kd": one(0.7, 0.0, 1), "large/mimkd": one(0.71, 0.01, 1)}  # fmt: skip


def test_the_ladder_goes_from_small_to_large_and_takes_single_seeds():
    shown = {"mimkd": "MIMKD", "kd": "KD", "dkd": "DKD"}
    figure = mimkd_records.ladder(rows(), {"large": 9000, "small": 100}, shown, ["mimkd"])
    assert list(figure.data[0].x) == [100, 9000]
    assert list(figure.data[0].y) == pytest.approx([30, 71])
    assert "MIMKD, 100 parameters: +10.0 points (+9.0 to +11.0)" in figures.caption(figure)
    assert list(figure.data[-1].error_y.array) == pytest.approx([1.0, 0.0])
    with pytest.raises(ValueError, match="nothing is recorded"):
        mimkd_records.ladder({}, {"small": 100}, shown, ["mimkd"])
