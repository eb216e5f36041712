"""Lab 04's figures: their numbers against the losses, closed forms and what must not change."""

import math
import re

import pytest
import torch
import torch.nn.functional as F

from labkit import figures, losses
from labkit.figures import ckd, ckd_band, ckd_records


@pytest.fixture
def logits():
    draw = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 16, 10, generator=draw)
    return student, 3 * teacher, torch.randint(4, (16,), generator=draw)


def numbers(figure):
    return [float(n) for n in re.findall(r"-?\d+\.?\d*", figures.caption(figure))]


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_made_up_student_has_its_length_and_ends_at_the_teacher(logits, share):
    student, teacher, _ = logits
    made = ckd.imitate(student, teacher, share, 5.0)
    torch.testing.assert_close(made.norm(dim=1), torch.full((16,), 5.0))
    end = {0.0: student, 1.0: teacher}.get(share)
    if end is not None:
        torch.testing.assert_close(F.cosine_similarity(made, end), torch.ones(16))


@pytest.mark.parametrize("temperature", [0.1, 1.0, 4.0])
def test_the_two_terms_add_up_to_the_loss_and_are_not_negative(logits, temperature):
    student, teacher, _ = logits
    intra, inter = ckd.parts(student, teacher, temperature)
    loss = losses.ckd(student, teacher, temperature=temperature).item()
    assert intra + inter == pytest.approx(loss, abs=1e-4)
    assert intra >= 0
    assert ckd.parts(teacher, teacher, temperature)[0] == pytest.approx(0, abs=1e-5)


def test_the_matrix_says_the_loss_and_leaves_out_what_takes_no_part(logits):
    student, teacher, _ = logits
    draw = torch.Generator().manual_seed(1)
    kept = losses.ckd_pairs(16, negatives=3, generator=draw)
    figure = ckd.matrix(student, teacher, 0.5, kept)
    again = torch.Generator().manual_seed(1)
    loss = losses.ckd(student, teacher, temperature=0.5, negatives=3, generator=again).item()
    assert f"the loss is {loss:.2f} nats, at chance {math.log(4):.2f}" in figures.caption(figure)
    cosines, powers = (torch.tensor(trace.z) for trace in figure.data)
    assert torch.equal(cosines.isnan(), ~kept)
    p = (10**powers).nan_to_num()  # drawn as powers of ten
    torch.testing.assert_close(p.sum(1), torch.ones(16), atol=4e-3, rtol=0)


def test_knowing_only_the_class_is_what_simulation_gives():
    """Every class equally often: the closed form is the loss of one arrow per class."""
    classes, each = 10, 8
    corner = torch.eye(classes, dtype=torch.float64) - 1 / classes  # a simplex
    arrows = corner.repeat(each, 1)
    batch = len(arrows)
    loss = losses.ckd(arrows, arrows).item()
    same = each - 1
    exact = math.log(1 + same + (batch - 1 - same) * math.exp(-(1 + 1 / 9)))
    assert loss == pytest.approx(exact)
    assert ckd_band.class_only(64, 10, 1.0) == pytest.approx(3.26, abs=5e-3)
    expected = ckd_band.class_only(batch, classes, 1.0)  # (B - 1) / C rivals instead of B / C - 1
    assert expected == pytest.approx(loss, rel=0.02)


@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("temperature", [0.1, 1.0, 8.0])
def test_knowing_the_class_lies_within_the_band(classes, temperature):
    low, high = losses.ckd_band(64, temperature=temperature)
    assert low <= ckd_band.class_only(64, classes, temperature) <= high


def test_the_band_says_its_width():
    said = figures.caption(ckd_band.band(1.0, 63, 10))
    assert "better than chance lies between 3.17 and 4.16: 0.99 nats" in said
    assert "stops at 3.26" in said
    widths = [numbers(ckd_band.band(t, 63, 10))[4] for t in (0.25, 1.0, 4.0)]
    assert widths == sorted(widths, reverse=True)


def test_a_longer_arrow_and_a_larger_tau_need_a_larger_weight(logits):
    student, teacher, labels = logits

    def needed(length, temperature):
        halfway = ckd.imitate(student, teacher, 0.5, length)
        figure = ckd_band.weights(halfway, teacher, labels, temperature)
        return 1 / figure.data[-1].y[0]  # the dot: CKD's own gradient

    assert needed(8.0, 1.0) == pytest.approx(4 * needed(2.0, 1.0), rel=1e-3)
    assert needed(2.0, 4.0) > needed(2.0, 1.0)


def test_the_mirror_image(logits):
    student, teacher, _ = logits
    kd_scaled, ckd_scaled = (figure_ends(ckd.mirror(student, teacher, 8.0, 0.0), n) for n in (0, 4))
    kd_moved, ckd_moved = (figure_ends(ckd.mirror(student, teacher, 1.0, 9.0), n) for n in (0, 4))
    kd_plain, ckd_plain = (figure_ends(ckd.mirror(student, teacher, 1.0, 0.0), n) for n in (0, 4))
    assert ckd_scaled == pytest.approx(ckd_plain, abs=1e-5)
    assert kd_moved == pytest.approx(kd_plain, abs=1e-3)
    both = figure_ends(ckd.mirror(student, teacher, 8.0, 9.0), 4)
    assert both == pytest.approx(ckd_moved, abs=1e-5)  # a scale is not seen at any shift
    assert abs(kd_scaled - kd_plain) > 0.1
    assert abs(ckd_moved - ckd_plain) > 1e-3


def figure_ends(figure, first):
    """Where the dot beside trace `first` stands."""
    return figure.data[first + 1].y[0]


def test_collisions_are_counted_and_weighed(logits):
    _, teacher, labels = logits
    same = (labels[:, None] == labels).float().fill_diagonal_(0)
    figure = ckd_band.collisions(teacher, labels, 1e4, 3)  # at high tau all weigh alike
    frequent = 100 * same.sum().item() / (16 * 15)
    assert f"{frequent:.1f}% of the negatives and take {frequent:.1f}%" in figures.caption(figure)
    assert f"{1 - 0.9**3:.0%} of the rows" in figures.caption(figure)
    others, own = (sum(bars.y) for bars in figure.data[-2:])
    assert others + own == pytest.approx(1, abs=1e-5)
    assert own == pytest.approx(frequent / 100, abs=1e-3)


def test_at_a_small_tau_the_same_class_takes_more_of_the_push(logits):
    _, teacher, _ = logits
    labels = teacher.argmax(1)  # what the teacher answers alike
    shares = [sum(ckd_band.collisions(teacher, labels, t, 3).data[-1].y) for t in (0.1, 1, 8)]
    assert shares == sorted(shares, reverse=True)


def test_the_right_part_of_the_band_is_its_height():
    for k in (1, 63):
        figure = ckd_band.band(1.0, k, 10)
        marked, height = figure.data[-1], figure.data[-2]
        nearest = min(range(len(height.x)), key=lambda i: abs(height.x[i] - 1))
        assert marked.y[0] == pytest.approx(height.y[nearest], rel=0.06)
        assert height.line.color == figure.data[1].line.color  # the floor's, whose band it is


def rows(label="grid"):
    def one(tau, beta):
        share = 0.5 + 0.1 * tau - 0.001 * beta
        accuracy = {"mean": share, "std": 0.0, "n": 1}
        return {"label": label, "temperature": tau, "beta": beta,
                "val_accuracy": accuracy, "test_accuracy": accuracy}  # fmt: skip

    return [one(tau, beta) for tau in (0.1, 1, 2) for beta in (1, 10)]


def test_the_surface_chooses_on_validation_and_frames_yours():
    measured = rows()
    measured[0]["test_accuracy"] = {"mean": 0.99, "std": 0.0, "n": 1}  # must not be chosen
    figure = ckd_records.surface(measured, down="beta", yours={"temperature": 0.9, "beta": 8})
    assert figures.caption(figure).startswith("Best on validation: tau = 2, weight beta = 1;")
    assert "69.9 %" in figures.caption(figure)
    frame = figure.layout.shapes[0]
    assert (frame.x0, frame.y0) == (0.5, 0.5)
    assert "Nearest to yours: 59.0 %" in figures.caption(figure)


def test_cells_of_equal_ratio_stand_on_one_place_and_are_named():
    figure = ckd_records.ratio(rows())
    assert [list(line.x) for line in figure.data] == [[10, 100], [1, 10], [0.5, 5]]
    said = figures.caption(figure)
    assert said == "At beta / tau = 10: 50.9 % (tau = 0.1), 59.0 % (tau = 1)."


def test_cost_names_the_nearest_row():
    table = [
        {"negatives": 64, "bank_ms": 2.0, "ckd_ms": 0.3, "bank_mb": 49.0},
        {"negatives": 1024, "bank_ms": 50.0, "ckd_ms": 0.3, "bank_mb": 49.0},
    ]
    said = figures.caption(ckd_records.cost(table, 900, 50.0))
    assert "K = 1,024" in said and "50.0 ms, 50% of a step" in said and "0.30 ms" in said


def test_the_puzzle_says_what_is_left():
    figure = ckd.puzzle({"labels": (4.6, 0.1), "CKD": (4.0, 3.0)})
    assert "pays 3.00 nats of CKD: 75% of" in figures.caption(figure)
    assert [bar.y[0] for bar in figure.data] == pytest.approx([100, 100 * 0.1 / 4.6])


def test_the_surface_names_the_rival():
    rival = {"test_accuracy": {"mean": 0.8, "std": 0.01, "n": 3}}
    yours = {"temperature": 1, "beta": 1}
    figure = ckd_records.surface(rows(), down="beta", yours=yours, rival=rival)
    assert "69.9 % (KD 80.0 %, 3 seeds)." in figures.caption(figure)
