"""MIMKD: every term by loops, who is taught, negatives, any two architectures, bad input."""

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from pytest import approx

from labkit import losses

LEAST = -2 * math.log(2)
NAMES = ("global_", "local", "feature")


class Answer(NamedTuple):
    """No more than the loss asks for."""

    maps: tuple
    pooled: torch.Tensor


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def answer(seed, *maps, dim, batch=6):
    return Answer(
        tuple(arr(seed + k, batch, *m) for k, m in enumerate(maps)), arr(seed, batch, dim)
    )


def networks(batch=6):
    """Other depths, widths and grids: 3 and 2 maps."""
    student = answer(10, (3, 8, 8), (4, 4, 4), (5, 4, 4), dim=7, batch=batch)
    return student, answer(20, (6, 8, 8), (8, 2, 2), dim=9, batch=batch)


def module(*, training=False, **more):
    torch.manual_seed(0)
    made = losses.MIMKD(*networks(), **{"units": 5, "temperature": 0.5} | more).double()
    made(*networks())  # running means of its own
    return made.train(training), networks()


def code(encoder, v):
    """phi of one vector, by the formula."""
    v = (v - encoder.norm.running_mean) / (encoder.norm.running_var + encoder.norm.eps).sqrt()
    w = encoder.shortcut.weight @ v + encoder.shortcut.bias
    w = w + encoder.out.weight @ (encoder.hidden.weight @ v + encoder.hidden.bias).clamp_min(0)
    w = w + encoder.out.bias
    return w / w.norm()


def looped(critic, x, y):
    """The loss of one critic from x [B, D, N or 1] and y [B, D', N], pair by pair."""
    joint, product = [], []
    for i in range(len(x)):
        for j in range(len(y)):
            for n in range(y.shape[2]):
                t = code(critic.x, x[i, :, n % x.shape[2]]) @ code(critic.y, y[j, :, n]) / 0.5
                (joint if i == j else product).append(t.item())
    own = sum(math.log1p(math.exp(-t)) for t in joint) / len(joint)
    return own + sum(math.log1p(math.exp(t)) for t in product) / len(product) + LEAST


def blocks(x, size):
    """[B, C, size * size], means of square blocks."""
    side = x.shape[2] // size
    cells = [(r, c) for r in range(size) for c in range(size)]
    means = [
        x[:, :, r * side : (r + 1) * side, c * side : (c + 1) * side].mean((2, 3)) for r, c in cells
    ]
    return torch.stack(means, 2)


@torch.no_grad()
def test_every_term_by_loops():
    made, (s, t) = module(direction="both", size=4)
    whole, local, back, early, late = made.critics
    found = made(s, t)
    expected = looped(whole, t.pooled[..., None], s.pooled[..., None])
    assert found.global_.item() == approx(expected, rel=1e-10)
    one = looped(local, t.pooled[..., None], s.maps[2].flatten(2))
    two = looped(back, s.pooled[..., None], t.maps[1].flatten(2))
    assert found.local.item() == approx((one + two) / 2, rel=1e-10)
    one = looped(early, blocks(t.maps[0], 4), s.maps[1].flatten(2))  # the last two of three
    two = looped(late, t.maps[1].flatten(2), blocks(s.maps[2], 2))
    assert found.feature.item() == approx((one + two) / 2, rel=1e-10)
    ways = ("teacher-student", "student-teacher")
    alone = [module(direction=way, size=4)[0](s, t).local.item() for way in ways]
    assert all(abs(value - found.local.item()) > 1e-4 for value in alone)


@torch.no_grad()
def test_scores_lie_within_the_scale_and_are_divided_by_the_temperature():
    made, (s, t) = module(direction="both")
    before = made.scores(s, t)
    shapes = [tuple(x.shape) for group in before for x in group]
    assert shapes == [(6, 6, n, n) for n in (1, 4, 2, 4, 2)]
    made.temperature = 0.05
    for one, two in zip(before, made.scores(s, t), strict=True):
        for a, b in zip(one, two, strict=True):
            assert a.abs().max() <= 2 + 1e-12
            torch.testing.assert_close(b, 10 * a)


def test_channels_of_any_scale_and_sign_can_be_compared():
    """BatchNorm comes first: units of measurement do not matter while training."""
    made, (s, t) = module(training=True)
    before = made(s, t)
    moved = Answer(tuple(500 * m - 30 for m in t.maps), 0.02 * t.pooled + 3)
    for one, two in zip(before, made(s, moved), strict=True):
        assert one.item() == approx(two.item(), abs=0.02)


def test_the_order_of_the_batch_does_not_matter():
    made, (s, t) = module()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    turned = [Answer(tuple(m[order] for m in a.maps), a.pooled[order]) for a in (s, t)]
    for one, two in zip(made(s, t), made(*turned), strict=True):
        assert one.item() == approx(two.item(), rel=1e-10)
    mixed = made(s, turned[1])
    assert all(one.item() != approx(two.item()) for one, two in zip(made(s, t), mixed, strict=True))


@torch.no_grad()
def test_fewer_negatives_change_the_noise_and_not_the_value():
    made, (s, t) = module()
    everybody = torch.stack(made(s, t))
    for more_than_there_are in (5, 100):
        made.negatives = more_than_there_are
        assert torch.equal(torch.stack(made(s, t)), everybody)
    spread = []
    for negatives in (1, 3):
        made.negatives, made.generator = negatives, torch.Generator().manual_seed(0)
        drawn = torch.stack([torch.stack(made(s, t)) for _ in range(1500)])  # [1500, 3]
        spread.append(drawn.std(0))
        assert ((drawn.mean(0) - everybody).abs() < 4 * spread[-1] / 1500**0.5).all()
    assert (spread[0] > 1.5 * spread[1]).all() and (spread[1] > 0).all()


def test_gradcheck():
    small, taught = answer(1, (2, 4, 4), (3, 2, 2), dim=3), answer(5, (3, 2, 2), dim=2)
    for training in (True, False):
        made = losses.MIMKD(small, taught, units=3, direction="both").double().train(training)
        given = [x.clone().requires_grad_() for x in (*small.maps, small.pooled)]
        assert torch.autograd.gradcheck(
            lambda *a: torch.stack(made(Answer(a[:2], a[2]), taught)),  # noqa: B023
            given,
        )


@pytest.mark.parametrize("direction", losses.mimkd.DIRECTIONS)
def test_all_terms_teach_the_student_and_every_critic_but_not_the_teacher(direction):
    made, (s, t) = module(training=True, direction=direction)
    for a in (s, t):
        for x in (*a.maps, a.pooled):
            x.requires_grad_()
    sum(made(s, t)).backward()
    assert all(p.grad is not None and p.grad.norm() > 0 for p in made.parameters())
    assert all(x.grad.norm() > 0 for x in (*s.maps[1:], s.pooled))  # stages 2 and 3 are matched
    assert all(x.grad is None for x in (*t.maps, t.pooled))


@pytest.mark.parametrize("readout", losses.mimkd.READOUTS)
def test_learning_lowers_every_term_and_raises_the_nats(readout):
    made, (s, t) = module(training=True, units=32, temperature=0.1)
    optimiser = torch.optim.SGD(made.parameters(), 0.1, momentum=0.9)
    first, scores = made(s, t), made.scores(s, t)
    for _ in range(60):
        optimiser.zero_grad()
        sum(made(s, t)).backward()
        optimiser.step()
    for after, before in zip(made(s, t), first, strict=True):
        assert LEAST <= after < before - 0.3 and after < -0.3
    for name, before in zip(NAMES, scores, strict=True):
        after = getattr(made.scores(s, t), name)
        nats = [losses.mimkd_nats(x[-1], readout=readout).mean().item() for x in (after, before)]
        assert nats[0] > nats[1] + 0.3
        assert readout != "info_nce" or nats[0] <= math.log(6)


ARCHITECTURES = {
    "same": ([(16, 8, 8), (32, 4, 4)], 32, [(16, 8, 8), (32, 4, 4)], 32),
    "deeper and wider": ([(8, 16, 16), (16, 8, 8)], 16, [(64, 32, 32)] * 5, 256),
    "shallow": ([(8, 4, 4)], 8, [(16, 32, 32), (64, 8, 8), (128, 4, 4)], 128),
    "a transformer": ([(192, 8, 8)] * 4, 192, [(160, 2, 2)], 1280),
    "oblong": ([(4, 6, 10), (4, 3, 5)], 4, [(5, 7, 4), (6, 1, 1)], 6),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_any_two_architectures(name, dtype):
    s_maps, s_dim, t_maps, t_dim = ARCHITECTURES[name]
    pair = answer(1, *s_maps, dim=s_dim, batch=4), answer(9, *t_maps, dim=t_dim, batch=4)
    pair = [Answer(tuple(m.to(dtype) for m in a.maps), a.pooled.to(dtype)) for a in pair]
    made = losses.MIMKD(*pair, direction="both")
    terms = made(*pair)
    for term in terms:
        assert term.shape == () and term.dtype == torch.float32 and term.isfinite()
    scores = made.scores(*pair)
    assert len(scores.feature) == min(3, len(s_maps), len(t_maps))
    assert all(max(x.shape[2:]) <= 8 for group in scores for x in group)


def test_terms_not_asked_for_cost_nothing_and_are_nothing():
    s, t = networks()
    for k, term in enumerate(losses.mimkd.TERMS):
        made = losses.MIMKD(s, t, terms=[term], stages=1, units=4).double()
        assert len(made.critics) == 1
        values = made(s, t)
        assert [value.item() == 0 for value in values] == [n != k for n in range(3)]
    flat = [Answer((), a.pooled) for a in (s, t)]  # networks without maps
    assert losses.MIMKD(*flat, terms=["global"]).double()(*flat).global_.isfinite()


def make(**more):
    return losses.MIMKD(*networks(), **more)


S, T = networks()
BAD = [
    (lambda: losses.MimkdCritic(0, 3), "x_dim"),
    (lambda: losses.MimkdCritic(3, 0), "y_dim"),
    (lambda: losses.MimkdCritic(7, 3).double()(S.pooled, T.pooled), r"y must be \[B, 3\]"),
    (lambda: make(temperature=-1), "temperature"),
    (lambda: make(negatives=0), "negatives"),
    (lambda: make(negatives=2.5), "negatives"),
    (lambda: make(direction="students-teacher"), "Did you mean 'student-teacher'"),
    (lambda: make(terms=["locl"]), "Did you mean 'local'"),
    (lambda: make(terms=[]), "terms must be"),
    (lambda: make(terms="local"), "terms must be"),
    (lambda: make(stages=0), "stages"),
    (lambda: make(size=0), "size"),
    (lambda: make(units=0), "units"),
    (lambda: losses.MIMKD(Answer((), S.pooled), T), "student has no maps"),
    (lambda: losses.MIMKD(S, Answer(T.maps, T.maps[0])), "teacher.pooled must be"),
    (lambda: losses.MIMKD(S, Answer((T.pooled,), T.pooled)), "teacher.maps must be"),
    (lambda: make().double()(S, networks(batch=5)[1]), r"teacher.pooled must be \[6, D\]"),
    (lambda: make().double()(S, Answer(T.maps[1:], T.pooled)), "made for 4"),
    (lambda: make().double()(T, S), r"x must be \[B, 9\]"),
    (lambda: make().double().eval()(*networks(batch=1)), "at least 2 pictures"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
