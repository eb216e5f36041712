"""CRD: official fixtures, loops, chance and floor, normalisers, gradients, bad input."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import losses

TAU = 0.07


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def relu(seed, *shape):
    return arr(seed, *shape).clamp_min(0)


def unit(x):
    return x / x.norm(dim=1, keepdim=True)


def official(**more):
    """The published fixture: 8 pictures of 500, 64 negatives, 32 dimensions, in float64."""
    arguments = {"negatives": 64, "temperature": TAU, "dim": 32} | more
    crd = losses.CRD(64, 128, 500, **arguments).double()
    with torch.no_grad():
        for head, seed in ((crd.student_head, 10), (crd.teacher_head, 20)):
            for i, p in enumerate(head.parameters()):
                p.copy_(0.1 * arr(seed + i, *p.shape))
        crd.memory.student.copy_(unit(arr(100, 500, 32)))
        crd.memory.teacher.copy_(unit(arr(101, 500, 32)))
    index = np.random.RandomState(102).permutation(500)[:8]
    others = [
        np.random.RandomState(200 + b).choice(np.delete(np.arange(500), i), 64, replace=False)
        for b, i in enumerate(index)
    ]
    index, others = torch.from_numpy(index), torch.from_numpy(np.array(others))
    return crd, (relu(1, 8, 64), relu(2, 8, 128), index, others)


def test_official_values_normalisers_and_gradients():
    crd, (s, t, *rows) = official()
    for value, slope in ((17.04387840, 1.238468989), (17.77107349, 1.189592217)):
        s = s.detach().requires_grad_()
        loss = crd(s, t, *rows)
        loss.backward()
        assert loss.item() == pytest.approx(value, abs=1e-8)
        assert s.grad.norm().item() == pytest.approx(slope, rel=1e-9)
        assert crd.log_z.exp().tolist() == pytest.approx([7217.09857, 9242.40015], abs=1e-5)


def test_a_temperature_rounded_to_float32_as_in_the_official_buffer_is_another_number():
    crd, batch = official(temperature=float(torch.tensor(0.07)))  # 0.07000000029802322
    assert crd(*batch).item() - 17.04387840 == pytest.approx(-4.7e-8, abs=5e-9)


def test_the_official_value_of_the_nce_term():
    x = (arr(7, 8, 65).abs() / 500).requires_grad_()
    value = losses.nce(x.log(), samples=500)
    value.backward()
    assert value.item() == pytest.approx(5.483320218, abs=1e-8)
    assert x.grad.norm().item() == pytest.approx(1228.481676, rel=1e-9)


def loop(crd, s, t, index, others):
    """The official formula, a number at a time."""
    es = [e / e.norm() for e in crd.student_head(s)]
    et = [e / e.norm() for e in crd.teacher_head(t)]
    n, k, total = crd.memory.samples, others.shape[1], 0.0
    for anchors, bank in ((es, crd.memory.teacher), (et, crd.memory.student)):
        scores = [
            [math.exp((e @ bank[j]).item() / crd.temperature) for j in (i, *row)]
            for e, i, row in zip(anchors, index.tolist(), others.tolist(), strict=True)
        ]
        z = n * sum(map(sum, scores)) / (len(scores) * (k + 1))
        for own, *rest in scores:
            total -= math.log(own / z / (own / z + k / n + 1e-7))
            total -= sum(math.log(k / n / (x / z + k / n + 1e-7)) for x in rest)
    return total / len(index)


@pytest.mark.parametrize("samples", [30, 4000])
def test_against_loops_with_and_without_the_whole_product(samples):
    """30 pictures take the product with the whole bank, 4000 fetch only their rows."""
    torch.manual_seed(0)
    crd = losses.CRD(5, 7, samples, negatives=3, dim=4, temperature=0.3).double()
    s, t, index = arr(1, 6, 5).requires_grad_(), arr(2, 6, 7), torch.arange(6)
    others = crd.memory.draw(index, 3)
    with torch.no_grad():
        expected = loop(crd, s, t, index, others)
    assert crd(s, t, index, others).item() == pytest.approx(expected, rel=1e-12)
    assert crd.eval()(s, t, index, others).item() != pytest.approx(expected, rel=1e-6)  # moved


@pytest.mark.parametrize("samples", [30, 4000])
@pytest.mark.parametrize("normaliser", ["first-batch", "ema"])
def test_gradients(samples, normaliser):
    """Eval mode: nothing moves between calls. Of features, heads and both ways to score."""
    torch.manual_seed(0)
    crd = losses.CRD(5, 6, samples, negatives=4, dim=3, temperature=0.5, normaliser=normaliser)
    crd.double()
    s, t, index = arr(1, 4, 5).requires_grad_(), arr(2, 4, 6), torch.arange(4)
    others = crd.memory.draw(index, 4)
    crd(s, t, index, others)
    crd.eval()
    assert torch.autograd.gradcheck(lambda x: crd(x, t, index, others), s)
    for w in crd.parameters():
        (slope,) = torch.autograd.grad(crd(s, t, index, others), w)
        step = 1e-6 * slope / slope.norm()
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                w += sign * step
                ends.append(crd(s, t, index, others).item())
                w -= sign * step
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(slope.norm().item(), rel=1e-5)


def test_a_gradient_is_of_the_bank_as_it_was_and_never_of_the_teacher():
    crd, (s, t, *rows) = official()
    s, t = s.requires_grad_(), t.requires_grad_()
    loss = crd(s, t, *rows)  # the banks have moved now
    crd.memory.student.zero_(), crd.memory.teacher.zero_()
    loss.backward()
    assert s.grad.norm().item() == pytest.approx(1.238468989, rel=1e-9) and t.grad is None
    assert crd.teacher_head.weight.grad.norm() > 0
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(crd(s, t, *rows), s, create_graph=True)


def test_chance_and_what_rescaling_scores_and_z_together_does():
    for k in (1, 16, 16384):
        scores = torch.full((2, k + 1), -math.log(500.0), dtype=torch.float64)
        value = 2 * losses.nce(scores, samples=500).item()
        assert value == pytest.approx(losses.crd_chance(k), abs=2e-4)
    assert losses.crd_chance(16384) == pytest.approx(2 * (math.log(16385) + 1), abs=1e-4)
    crd, batch = official()
    crd(*batch)
    crd.eval()
    log_z, bank = crd.log_z.clone(), crd.memory.teacher.clone()
    before = crd(*batch).item()
    crd.log_z += 1.0  # Z times e raises every denominator: the loss changes
    assert abs(crd(*batch).item() - before) > 0.1
    crd.log_z.copy_(log_z), crd.memory.teacher.copy_(bank)
    assert crd(*batch).item() == before


@pytest.mark.slow
def test_untrained_networks_start_above_chance_by_the_known_gap():
    torch.manual_seed(0)
    for k in (256, 1024):
        crd = losses.CRD(64, 64, 5000, negatives=k)
        start = crd(torch.randn(64, 64).relu(), torch.randn(64, 64).relu(), torch.arange(64))
        assert 1.2 < start.item() - losses.crd_chance(k) < 2.4


@settings(max_examples=40)
@given(st.integers(0, 1000), st.floats(0.05, 2), st.floats(-3, 3), st.integers(2, 9))
def test_no_configuration_is_below_the_floor(seed, tau, shift, n):
    """All other pictures are negatives, so the batch is the whole expectation."""
    torch.manual_seed(seed)
    s, t = unit(torch.randn(n, 4, dtype=torch.float64)), unit(torch.randn(n, 4).double())
    for student, teacher in ((s, t), (s, s), (s, -s), (s[:1].expand(n, 4), s)):
        log_z = math.log(n) + shift
        value = both_sides(student, teacher, tau, log_z)
        floor = losses.crd_floor(n - 1, samples=n, temperature=tau, log_z=(log_z, log_z))
        assert value.item() >= floor - 1e-9


def both_sides(s, t, tau, log_z):
    n = len(s)
    scores = s @ t.T / tau - log_z
    order = (torch.arange(n)[:, None] + torch.arange(n)) % n  # each row's own first
    return sum(losses.nce(x.gather(1, order), samples=n) for x in (scores, scores.T))


@pytest.mark.parametrize(("tau", "log_z"), [(0.2, 1.0), (1.0, 3.0), (0.5, -1.0)])
def test_the_floor_is_reached(tau, log_z):
    """By descent on six free pairs of vectors in six dimensions."""
    torch.manual_seed(0)
    s = torch.randn(6, 6, dtype=torch.float64)
    free = torch.stack([s, s + 0.1 * torch.randn_like(s)]).requires_grad_()
    optimiser = torch.optim.Adam([free], 0.1)
    for _ in range(250):
        optimiser.zero_grad()
        loss = both_sides(*(unit(x) for x in free), tau, log_z)
        loss.backward()
        optimiser.step()
    floor = losses.crd_floor(5, samples=6, temperature=tau, log_z=(log_z, log_z))
    assert floor - 1e-9 < loss.item() < floor + 1e-3 * (1 + floor)


def test_with_classes_the_floor_is_lower_or_equal_and_a_worse_z_changes_it():
    common = {"samples": 5000, "temperature": 0.07}
    log_z = (11.6, 11.6)
    alone = losses.crd_floor(1024, log_z=log_z, **common)
    assert losses.crd_floor(1024, log_z=log_z, classes=10, **common) < alone
    assert alone < losses.crd_chance(1024)
    bad = losses.crd_floor(1024, log_z=(20.0, 20.0), **common)
    assert bad > 2 * alone  # so large a Z lets no pair look congruent


def test_the_normalisers():
    crd, batch = official(normaliser="exact")
    crd.eval()
    exact = crd(*batch).item()
    s = unit(crd.student_head(batch[0]))
    z = (s @ crd.memory.teacher.T / TAU).exp().sum(1)  # [B]
    columns = torch.cat([batch[2][:, None], batch[3]], 1)
    logits = (s[:, None] * crd.memory.teacher[columns]).sum(2) / TAU - z.log()[:, None]
    one = losses.nce(logits, samples=500).item()
    assert one < exact < 40 and crd.log_z.isnan().all()
    frozen, moving = official()[0], official(normaliser="ema")[0]
    for module in (frozen, moving):
        module(*batch)
    first = frozen.log_z.clone()
    assert torch.equal(moving.log_z, first)
    found = moving.memory
    now = [
        math.log(500) + (x @ bank.T / TAU).gather(1, columns).exp().mean().log().item()
        for x, bank in (
            (s, found.teacher),
            (unit(moving.teacher_head(batch[1])), found.student),
        )
    ]
    frozen(*batch), moving(*batch)
    assert torch.equal(frozen.log_z, first)
    expected = [0.99 * math.exp(z) + 0.01 * math.exp(x) for z, x in zip(first, now, strict=True)]
    assert moving.log_z.exp().tolist() == pytest.approx(expected, rel=1e-9)


def test_filled_banks_hold_embeddings_of_now_and_the_others_their_noise():
    crd = losses.CRD(5, 6, 24, negatives=3, dim=4).double()
    s, t, index = arr(1, 24, 5), arr(2, 24, 6), torch.randperm(24)
    noise = crd.memory.student.clone()
    crd.fill(index[:16], s[:16], t[:16])
    shown = crd.embed(s[:16], t[:16], 16)
    torch.testing.assert_close(crd.memory.student[index[:16]], shown[0])
    torch.testing.assert_close(crd.memory.teacher[index[:16]], shown[1])
    assert torch.equal(crd.memory.student[index[16:]], noise[index[16:]])
    assert not crd.memory.student.requires_grad and crd.log_z.isnan().all()


def test_eval_mode_measures_and_changes_nothing():
    crd, batch = official()
    crd.eval()
    before = {name: value.clone() for name, value in crd.state_dict().items()}
    assert crd(*batch).item() == pytest.approx(17.04387840, abs=1e-8)  # Z of this batch alone
    crd(*batch[:3])
    after = crd.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before if k != "log_z")
    assert crd.log_z.isnan().all()


def test_temperature_and_negatives_change_between_steps():
    crd, batch = official()
    crd.generator = torch.Generator().manual_seed(0)
    crd.negatives = 16
    values = [crd(*batch[:3]).item()]
    assert crd.columns(batch[2], None).shape == (8, 17) and not crd.replacement
    crd.temperature = 0.5
    values.append(crd(*batch[:3]).item())
    assert abs(values[0] - values[1]) > 1
    crd.negatives = 500
    assert crd.replacement and crd(*batch[:3]).isfinite()
    crd.temperature = 0.0
    with pytest.raises(ValueError, match="temperature"):
        crd(*batch)


def test_a_zero_feature_a_cold_temperature_and_half_precision_are_ordinary():
    crd = losses.CRD(4, 4, 20, negatives=5, temperature=0.005, dim=3)  # exp(1 / tau) is above 1e86
    s = torch.zeros(2, 4, requires_grad=True)
    crd.student_head.bias.data.zero_()
    loss = crd(s, torch.ones(2, 4), torch.arange(2))
    loss.backward()
    assert loss.isfinite() and s.grad.isfinite().all()
    half = crd(torch.ones(2, 4).bfloat16(), torch.ones(2, 4).bfloat16(), torch.arange(2))
    assert half.dtype == torch.float32 and half.isfinite()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"negatives": 0}, "negatives"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"dim": 1}, "dim"),
        ({"momentum": 1.5}, "momentum"),
        ({"normaliser": "first"}, "first-batch"),
        ({"labels": torch.zeros(3)}, r"labels must be \[20\]"),
        ({"labels": torch.zeros(20)}, "one class"),
    ],
)
def test_bad_settings_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        losses.CRD(4, 4, 20, **{"negatives": 3} | change)


@pytest.mark.parametrize(
    ("place", "bad", "message"),
    [
        (0, torch.ones(2, 5), r"student_features must be \[2, 4\]"),
        (1, torch.ones(3, 4), r"teacher_features must be \[2, 4\]"),
        (2, torch.tensor([0, 20]), r"index must be in 0..19, got 0..20"),
        (2, torch.tensor([0.0, 1.0]), "index must be whole numbers"),
        (3, torch.tensor([[1, 2], [-1, 3]]), "negative_index must be in"),
        (3, torch.tensor([1, 2]), r"negative_index must be whole numbers \[B, K\]"),
        (3, torch.tensor([[1, 2]]), "1 rows and index 2"),
    ],
)
def test_bad_batches_are_named(place, bad, message):
    batch = [torch.ones(2, 4), torch.ones(2, 4), torch.tensor([0, 1]), torch.tensor([[1], [2]])]
    batch[place] = bad
    with pytest.raises(ValueError, match=message):
        losses.CRD(4, 4, 20, negatives=3)(*batch)


def test_bad_input_of_the_functions_is_named():
    with pytest.raises(ValueError, match="log_scores"):
        losses.nce(torch.ones(3, 1), samples=5)
    with pytest.raises(ValueError, match="samples"):
        losses.nce(torch.ones(3, 2), samples=0)
    with pytest.raises(ValueError, match="negatives"):
        losses.crd_chance(0)
    floor = {"samples": 5, "temperature": 1.0, "log_z": (0.0, 0.0)}
    for change in ({"samples": 1}, {"temperature": 0}, {"classes": 1}, {"log_z": (1.0,)}):
        with pytest.raises(ValueError, match=next(iter(change))):
            losses.crd_floor(3, **floor | change)
