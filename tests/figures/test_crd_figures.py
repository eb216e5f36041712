"""Lab 05's figures: their numbers against the losses, closed forms and what must not change."""

import math
import re

import pytest
import torch
import torch.nn.functional as F

from labkit import figures, losses
from labkit.figures import crd, crd_bank, crd_bounds


@pytest.fixture
def networks():
    """Embeddings of 96 pictures by a student and a teacher, and labels."""
    draw = torch.Generator().manual_seed(0)
    teacher = F.normalize(torch.randn(96, 16, generator=draw))
    student = F.normalize(teacher + 0.2 * torch.randn(96, 16, generator=draw))
    return student, teacher, torch.randint(6, (96,), generator=draw)


def numbers(figure):
    return [float(n.replace(",", "")) for n in re.findall(r"-?\d[\d,]*\.?\d*", caption(figure))]


def caption(figure):
    return figures.caption(figure)


def test_a_head_without_training_is_centred_and_uses_all_directions():
    features = torch.rand(200, 12) * torch.logspace(0, -1, 12) + 3
    assert F.normalize(features).mean(0).norm() > 0.9  # all in one corner before
    made = crd.embed(features, dim=32, seed=1)
    torch.testing.assert_close(made.norm(dim=1), torch.ones(200))
    assert made.mean(0).norm() < 0.1
    own, others = crd.pairs(made, crd.embed(features, dim=32, seed=2))
    assert own.mean().abs() < 0.1 and others.std() < 0.5  # two heads share no direction
    assert torch.equal(made, crd.embed(features, dim=32, seed=1))
    wide = crd.embed(torch.rand(9, 40), dim=16)  # fewer pictures than features
    assert wide.shape == (9, 16) and wide.isfinite().all()


@pytest.mark.parametrize("temperature", [0.07, 0.3])
def test_the_parts_are_the_library_s_side(networks, temperature):
    """All other pictures are the negatives, so nothing is left to chance."""
    student, teacher, _ = networks
    n, log_mean = len(student), 0.7
    cosines = student @ teacher.T
    own = cosines.diagonal()
    others = cosines[~torch.eye(n, dtype=torch.bool)].view(n, n - 1)
    log_scores = torch.cat([own[:, None], others], 1) / temperature - log_mean - math.log(n)
    expected = losses.nce(log_scores, samples=n).item()
    paid = crd.parts(*crd.pairs(student, teacher), temperature, n - 1, log_mean)
    assert sum(paid) == pytest.approx(expected, rel=1e-4)


def test_a_pair_at_the_threshold_is_even():
    cut = crd.threshold(0.07, 256, crd.first_log_mean(0.07))
    assert cut == pytest.approx(0.07 * math.log(256) + 1 / (256 * 0.07))
    own, _ = crd.parts(torch.tensor([cut]), torch.tensor([0.0]), 0.07, 256, 1 / (256 * 0.07**2))
    assert own == pytest.approx(math.log(2), rel=1e-5)


def test_the_first_batch_finds_the_z_of_noise_and_starts_where_the_formula_says():
    """Banks of 4000 noise rows: the library's own start, on features without any meaning."""
    torch.manual_seed(0)
    module = losses.CRD(8, 8, 4000, negatives=512)
    s, t = torch.randn(2, 256, 8)
    value = module(s, t, torch.arange(256)).item()
    found = module.log_z - math.log(4000)
    torch.testing.assert_close(found, torch.full((2,), crd.first_log_mean(0.07)), atol=0.05, rtol=0)
    assert value == pytest.approx(crd_bounds.start(512, 0.07), abs=0.25)
    assert crd_bounds.start(512, 0.07) > losses.crd_chance(512) + 1


def test_without_scatter_the_start_is_chance():
    assert crd_bounds.start(64, 50.0) == pytest.approx(losses.crd_chance(64), rel=1e-4)


def test_classify_counts_what_is_above_the_threshold(networks):
    student, teacher, labels = networks
    figure = crd.classify(student, teacher, 0.1, 16, 0.4)
    cut = crd.threshold(0.1, 16, 0.4)
    own, others = crd.pairs(student, teacher)
    assert f"above the cosine {cut:.2f}: {(own > cut).float().mean():.0%} of" in caption(figure)
    assert f"{(others > cut).float().mean():.2%} of the incongruent" in caption(figure)
    for bars in figure.data[:2]:
        assert sum(bars.y) == pytest.approx(1, abs=1e-5)
    paid = crd.parts(own, others, 0.1, 16, 0.4)
    assert list(figure.data[3].y) == pytest.approx(list(paid))
    told = crd.classify(student, teacher, 0.1, 16, 0.4, labels=labels)
    assert told.data[3].y[1] != pytest.approx(paid[1])


def test_a_warm_classifier_says_that_no_pair_can_count(networks):
    assert "no pair can reach" in caption(crd.classify(*networks[:2], 0.5, 256, 0.0))


def test_pairs_of_other_classes_are_fewer(networks):
    student, teacher, labels = networks
    same = (labels[:, None] == labels).sum().item()
    assert len(crd.pairs(student, teacher)[1]) == 96 * 95
    assert len(crd.pairs(student, teacher, labels)[1]) == 96 * 96 - same


def test_the_puzzle_says_how_far_above_chance():
    found = [(k, losses.crd_chance(k) + 1.5) for k in (1, 256)]
    said = caption(crd.puzzle(found, math.log(100)))
    assert f"from {found[0][1]:.1f} to {found[1][1]:.1f}" in said and "1.5 to 1.5 above" in said


def test_the_band_is_the_library_s_and_a_wrong_z_moves_its_floor():
    said = numbers(crd_bounds.band(0.07, 256, 10_000))
    log_z = [math.log(10_000) + crd.first_log_mean(0.07)] * 2
    least = losses.crd_floor(256, samples=10_000, temperature=0.07, log_z=log_z)
    assert said[2] == pytest.approx(losses.crd_chance(256), abs=0.006)
    assert said[3] == pytest.approx(crd_bounds.start(256, 0.07), abs=0.006)
    assert said[5] == pytest.approx(least, abs=0.006)
    small = numbers(crd_bounds.band(0.07, 256, 10_000, 1 / 64))
    assert small[5] != said[5]


def test_the_gradient_and_its_noise_are_what_draws_give():
    """K drawn without replacement out of all other pictures, many times."""
    draw = torch.Generator().manual_seed(0)
    e, v = (F.normalize(torch.randn(40, 6, generator=draw)) for _ in range(2))
    tau, k, log_mean = 0.3, 10, 0.5
    shift = log_mean + math.log(k)
    h = torch.sigmoid(e[0] @ v.T / tau - shift)
    drawn = torch.stack([torch.randperm(39, generator=draw)[:k] + 1 for _ in range(4000)])
    found = ((h[drawn][..., None] * v[drawn]).sum(1) - (1 - h[0]) * v[0]) / tau  # [R, D]
    signal, luck = crd_bounds.gradient(e, v, tau, k, 40, log_mean, anchors=1)
    assert signal == pytest.approx(found.mean(0).norm().item(), rel=0.03)
    assert luck == pytest.approx(found.var(0).sum().sqrt().item(), rel=0.05)


def test_with_all_others_as_negatives_no_luck_is_left(networks):
    student, teacher, _ = networks
    assert crd_bounds.gradient(student, teacher, 0.1, 95, 96, 0.5)[1] == pytest.approx(0)
    assert crd_bounds.gradient(student, teacher, 0.1, 96, 96, 0.5)[1] > 0
    assert "twice" in caption(crd_bounds.noise(student, teacher, 0.1, 256, 96))
    assert "twice" not in caption(crd_bounds.noise(student, teacher, 0.1, 64, 96))


@pytest.mark.parametrize("temperature", [0.07, 0.3, 1.0])
def test_with_leaked_labels_the_class_is_all_there_is_to_know(temperature):
    """Negatives of other classes: one point a class is the floor itself; otherwise above it."""
    n, k, classes, log_mean = 10_000, 256, 100, crd.first_log_mean(temperature)
    told, blind = (
        crd_bounds.class_only(k, classes, temperature, log_mean, n, leaked=leaked)
        for leaked in (True, False)
    )
    log_z = [math.log(n) + log_mean] * 2
    floor = losses.crd_floor(k, samples=n, temperature=temperature, log_z=log_z, classes=classes)
    assert told + 2e-7 * n == pytest.approx(floor, rel=1e-3)  # the code's 1e-7
    alone = losses.crd_floor(k, samples=n, temperature=temperature, log_z=log_z)
    assert alone - 1e-2 <= blind
    assert told < blind


def test_the_leak_is_said(networks):
    _, teacher, labels = networks
    share = (labels[:, None] == labels).float().fill_diagonal_(0).sum() / (96 * 95)
    blind = crd_bounds.leak(teacher, labels, 0.07, 64, 6, 10_000, False)
    assert f"{share:.1%} of the negatives" in caption(blind)
    told = crd_bounds.leak(teacher, labels, 0.07, 64, 6, 10_000, True)
    assert "no negative is" in caption(told)
    assert len(told.data) == len(blind.data) - 1


def test_a_large_z_only_pulls_and_a_small_one_only_pushes(networks):
    student, teacher, _ = networks

    def forces(factor):
        figure = crd_bounds.wrong_z(student, teacher, 0.07, 64, 0.8, factor)
        return figure.data[2].y[0], figure.data[3].y[0]

    right, large, small = forces(1.0), forces(1e4), forces(1e-4)
    assert large[0] > right[0] > small[0]
    assert large[1] < right[1] < small[1]
    assert large[0] == pytest.approx(1, abs=0.1) and large[1] < 0.01
    assert small[0] < 0.01 and small[1] > 20


def moment(step=30, never=10):
    draw = torch.Generator().manual_seed(step)
    now, bank = (F.normalize(torch.randn(50, 8, generator=draw)) for _ in range(2))
    age = torch.arange(50) % max(step, 1)
    age[:never] = -1
    bank[never:] = now[never:]
    return crd_bank.Moment(step, now, now, bank, bank, age, math.log(50) + 0.3, 50)


def test_staleness_says_how_many_slots_are_written():
    said = caption(crd_bank.staleness(moment()))
    assert "80% of the slots have been written, the oldest 29 steps ago" in said
    fresh = moment(never=0)
    assert "is 1.00 for the teacher's and 1.00 for" in caption(crd_bank.staleness(fresh))
    empty = moment()._replace(step=0, age=torch.full((50,), -1))
    assert "0% of the slots have been written, the oldest 0" in caption(crd_bank.staleness(empty))


def test_a_slot_s_weights_add_up():
    for momentum, visits in ((0.5, 3), (0.9, 5), (0.0, 1), (0.5, 0)):
        figure = crd_bank.slot(momentum, visits)
        assert sum(figure.data[0].y) == pytest.approx(1)
        assert figure.data[0].y[-1] == pytest.approx(momentum**visits)


def test_the_scan_is_the_mean_score(networks):
    one = moment()
    scores = (one.student @ one.teacher_bank.T / 0.2).exp()
    found = crd_bank.scan(one, 0.2)
    assert found["batch"] == pytest.approx(scores.mean().log().item(), rel=1e-4)
    assert found["middle"] == pytest.approx(scores.mean(1).log().quantile(0.5).item(), rel=1e-4)
    assert found["low"] < found["middle"] < found["high"]


def test_the_drift_compares_z_in_use_with_z_now():
    one = moment()
    gap = crd_bank.scan(one, 0.2)["batch"] - 0.3
    said = caption(crd_bank.drift([moment(0)._replace(log_z=math.nan), one], 0.2))
    assert f"{math.exp(abs(gap)):.1f} times {'larger' if gap > 0 else 'smaller'}" in said
    assert "no Z is kept" in caption(crd_bank.drift([one._replace(log_z=math.nan)], 0.2))
