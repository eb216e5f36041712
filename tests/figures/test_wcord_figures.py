"""Lab 06's figures of WCoRD: their numbers against the losses, and what must not change."""

import re

import pytest
import torch
import torch.nn.functional as F

from labkit import figures, losses
from labkit.figures import wcord, wcord_batch, wcord_records


@pytest.fixture
def embeddings():
    draw = torch.Generator().manual_seed(0)
    teacher, other = F.normalize(torch.randn(2, 24, 16, generator=draw), dim=2)
    return F.normalize(teacher + 0.5 * other), teacher


def numbers(figure):
    return [float(n) for n in re.findall(r"[-+]?\d+\.\d+", figures.caption(figure))]


@pytest.mark.parametrize("turn", [-70, 0, 25])
def test_the_critic_turned_like_the_pairs_is_nearly_the_best(turn):
    joint, product, term, best = numbers(wcord.critic("turned", turn, turn, 1.0))
    assert term == pytest.approx(product - joint, abs=2e-3)
    assert term == pytest.approx(best, abs=0.01) and best < -0.9
    assert numbers(wcord.critic("turned", turn, turn + 180, 1.0))[2] > 0.9


def test_no_critic_of_this_kind_sees_a_lost_sign():
    for critic_turn in range(-180, 180, 30):
        for second in (-1.0, 0.0, 1.0):
            found = numbers(wcord.critic("sign lost", 60, critic_turn, second))
            assert found[2] > found[3] - 2e-3  # never below the least possible
            assert abs(found[3]) < 0.05
    assert numbers(wcord.critic("independent", 0, 0, 1.0))[3] > -0.2


def test_the_drawn_weights_meet_the_constraint():
    for second in (-1.0, 0.3, 1.0):
        values = torch.linalg.svdvals(wcord.weights(40, second))
        torch.testing.assert_close(values, torch.tensor([1.0, abs(second)]).double())
    with pytest.raises(ValueError, match="second"):
        wcord.weights(0, 1.5)
    with pytest.raises(ValueError, match="turned"):
        wcord.pairs("shaken", 0)


@pytest.mark.parametrize("scale", [0.5, 3.0, 8.0])
def test_slopes_stay_below_1_by_the_sum_and_not_by_pythagoras(scale):
    by_sum, by_pair = numbers(wcord.slopes(scale, True))
    assert by_sum <= 1.0 and 1.0 < by_pair <= 2**0.5
    shouted = numbers(wcord.slopes(scale, False))
    assert shouted[0] == pytest.approx(scale * by_sum, abs=0.05)


def test_more_negatives_take_away_noise_and_not_value(embeddings):
    student, teacher = embeddings
    few, many = (numbers(wcord.noise(student, teacher, k)) for k in (1, 1024))
    scores = teacher[:16] @ student.T
    own = scores.diagonal()
    truth = ((scores.sum(1) - own) / 23 - own).mean().item()
    assert few[2] == many[2] == pytest.approx(truth, abs=1e-4)
    assert many[0] == pytest.approx(truth, abs=0.01)
    assert many[1] < few[1] / 15  # 1 / sqrt(1024) is 1 / 32


def test_what_is_measured_of_a_batch_is_what_the_losses_say(embeddings):
    student, teacher = embeddings
    found = wcord_batch.measure(student, teacher)
    local = losses.wcord_local(student.double(), teacher.double(), epsilon=0.1, iterations=500)
    assert found.local == pytest.approx(local.item(), abs=1e-3)
    assert found.local <= found.paired + 1e-9
    off = ~torch.eye(24, dtype=torch.bool)
    scores = teacher @ student.T
    dual = losses.wcord_global(scores.diagonal(), scores[off]).item()
    assert found.dual == pytest.approx(dual, abs=1e-5)
    assert found.alike == pytest.approx((teacher @ teacher.T)[off].mean().item(), abs=1e-5)


def test_a_swap_and_a_collapse_please_the_local_term(embeddings):
    _, teacher = embeddings
    swapped = wcord_batch.swapped(teacher, 1.0)
    assert torch.equal(swapped[0], teacher[1]) and torch.equal(swapped[-1], teacher[0])
    found = wcord_batch.measure(swapped, teacher)
    assert found.local == pytest.approx(0, abs=1e-6) and found.own == 0
    assert found.paired > 0.5
    assert torch.equal(wcord_batch.swapped(teacher, 0.5)[12:], teacher[12:])
    one = wcord_batch.collapsed(teacher, 1.0)
    gone = wcord_batch.measure(one, one)
    assert (gone.local, gone.paired, gone.dual) == pytest.approx((0, 0, 0), abs=1e-6)
    assert gone.alike == pytest.approx(1)
    assert losses.wcord_supremum(one, one) < 1e-5


def test_the_trap_s_captions(embeddings):
    _, teacher = embeddings
    said = figures.caption(wcord_batch.trap(teacher[:8], teacher[:8], 0.5, 0.0))
    assert "50% swapped, 0% collapsed: local 0.000" in said
    assert "50% of the plan joins a picture with itself" in said


def test_the_puzzle_names_the_student_with_the_least_loss(embeddings):
    student, teacher = embeddings
    figure = wcord_batch.puzzle({"half": student, "next": teacher.roll(-1, 0)}, teacher)
    assert "0.000, has the student “next”, of whose pictures 0%" in figures.caption(figure)
    found, paid = (list(bars.y) for bars in figure.data)
    assert found[0] > 90 and found[1] == 0 and paid[0] > paid[1]


def test_the_plan_says_who_is_joined_with_whom(embeddings):
    _, teacher = embeddings
    labels = torch.arange(24) // 4
    said = figures.caption(wcord_batch.plan(teacher, teacher, "exact", 1.0, labels))
    assert "pays 0.000 (each picture with itself: 0.000). It joins 100% with their own" in said
    assert "by chance 4% and 12%" in said
    order = torch.arange(24).view(6, 4).roll(1, 1).flatten()  # another of the class
    said = figures.caption(wcord_batch.plan(teacher[order], teacher, "exact", 1.0, labels))
    assert "joins 0% with their own picture, 100% with another of the class" in said


def rows():
    def one(g, part):
        value = {"mean": 0.5 + 0.01 * g + 0.1 * part, "std": 0.0, "n": 1}
        return {"lambda_global": g, "lambda_local": part,
                "val_accuracy": value, "test_accuracy": value}  # fmt: skip

    return [one(g, part) for g in (0, 0.8, 3) for part in (0, 0.05)]


def test_the_surface_chooses_on_validation_and_frames_yours():
    measured = rows()
    measured[0]["test_accuracy"] = {"mean": 0.99, "std": 0.0, "n": 1}  # must not be chosen
    rival = {"test_accuracy": {"mean": 0.8, "std": 0.01, "n": 3}}
    yours = {"lambda_global": 1.0, "lambda_local": 9}
    figure = wcord_records.surface(measured, yours=yours, rival=rival)
    said = figures.caption(figure)
    assert said.startswith("Best on validation: lambda_global = 3, lambda_local = 0.05;")
    assert "53.5 % (CRD 80.0 %, 3 seeds). Nearest to yours: 51.3 % on validation." in said
    frame = figure.layout.shapes[0]
    assert (frame.x0, frame.y0) == (0.5, 0.5)


def test_a_surface_with_a_hole_and_without_rows():
    measured = [r for r in rows() if (r["lambda_global"], r["lambda_local"]) != (0, 0)]
    figure = wcord_records.surface(measured, yours={"lambda_global": 0, "lambda_local": 0})
    assert "Nearest to yours: not measured" in figures.caption(figure)
    with pytest.raises(ValueError, match="rows is empty"):
        wcord_records.surface([], yours={})


def test_the_course_tells_a_collapse_from_a_swap(embeddings):
    student, teacher = embeddings
    one = wcord_batch.collapsed(teacher, 1.0)
    falling = [(0, student, teacher), (10, one, one)]
    swapping = [(0, student, teacher), (10, teacher.roll(1, 0), teacher)]
    figure = wcord_batch.course({"fell": falling, "swapped": swapping})
    fell, swapped = figures.caption(figure).split("; swapped")
    assert "fell: 0.000 paid" in fell and fell.count("1.00 for the") == 2
    assert "0.000 paid" in swapped and "1.00 for the" not in swapped
    assert list(figure.data[0].x) == [0, 10] and figure.data[0].y[0] > 0.05
