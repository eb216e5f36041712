"""Bounds on mutual information: fixtures, brute force, closed forms, invariants, gradients."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from labkit.losses import mutual_information as mi

BOUNDS = {
    "info_nce": mi.info_nce,
    "dv": mi.dv,
    "nwj": mi.nwj,
    "mine": lambda s: mi.mine(s, 1.3)[0],
    "tuba": lambda s: mi.tuba(s, 0.3),
    "interpolated": lambda s: mi.interpolated(s, 0.3, 0.2),
    "jsd": mi.jsd,
    "smile": lambda s: mi.smile(s, clip=1.0),
    "jsd_readout_nwj": mi.jsd_readout_nwj,
    "jsd_readout_dv": mi.jsd_readout_dv,
}
every = pytest.mark.parametrize("name", BOUNDS)


def published_scores():
    g = torch.Generator().manual_seed(0)
    return torch.randn(16, 16, generator=g) + 3 * torch.eye(16)


def random_scores(b=6, seed=1, scale=2.0):
    g = torch.Generator().manual_seed(seed)
    s = scale * torch.randn(b, b, generator=g, dtype=torch.float64)
    return s + 3 * torch.eye(b, dtype=torch.float64)


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def softplus(v):
    return math.log1p(math.exp(v))


class Loops:
    """Every bound from its definition, over Python floats."""

    def __init__(self, scores):
        self.s = scores.tolist()
        self.b = range(len(self.s))
        self.joint = mean(self.s[i][i] for i in self.b)
        self.off = [self.s[i][j] for i in self.b for j in self.b if i != j]

    def info_nce(self):
        rows = [mean(math.exp(v) for v in row) for row in self.s]
        return self.joint - mean(math.log(v) for v in rows)

    def dv(self, clip=math.inf):
        clipped = [min(max(v, -clip), clip) for v in self.off]
        return self.joint - math.log(mean(math.exp(v) for v in clipped))

    def tuba(self, a):
        marginal = mean(math.exp(self.s[i][j]) / a[i] for i in self.b for j in self.b if i != j)
        return 1 + self.joint - mean(math.log(v) for v in a) - marginal

    def jsd(self):
        return -mean(softplus(-self.s[i][i]) for i in self.b) - mean(map(softplus, self.off))

    def interpolated(self, alpha, a):
        """O(B^3): every leave-one-out sum anew."""

        def base(i, out):
            others = mean(math.exp(self.s[i][k]) for k in self.b if k != out)
            return alpha * others + (1 - alpha) * a[i]

        cells = [(i, j) for i in self.b for j in self.b if i != j]
        joint = mean(self.s[i][i] - math.log(base(i, j)) for i, j in cells)
        return 1 + joint - mean(math.exp(self.s[i][j]) / base(i, i) for i, j in cells)


PUBLISHED = {
    "info_nce": (mi.info_nce, 1.77069592, 0.16458198),
    "nwj": (mi.nwj, 2.14358854, 0.25998172),
    "dv": (mi.dv, 2.24310207, 0.27540103),
    "jsd": (mi.jsd, -0.89533907, 0.04205531),
    "smile inf": (lambda s: mi.smile(s, clip=math.inf), 2.24310207, 0.04205531),
    "smile 5": (lambda s: mi.smile(s, clip=5), 2.24310207, 0.04205531),
    "smile 1": (lambda s: mi.smile(s, clip=1), 2.49526358, 0.04205531),
    "mine": (lambda s: mi.mine(s, 1.0)[0], 2.24310207, 0.30900469),
}  # fmt: skip
PUBLISHED |= {
    f"interpolated {logit}": (
        lambda s, logit=logit: mi.interpolated(s, 1 / (1 + math.exp(-logit)), 0.0),
        *expected,
    )
    for logit, expected in {
        -30: (2.08237505, 0.31640777),
        -5: (2.07944846, 0.31213179),
        0: (1.89311552, 0.19381998),
        5: (1.74938250, 0.16080415),
        30: (1.74762917, 0.16051942),
    }.items()
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_official_value_and_gradient(name):
    """What the published demonstrations (VBMI, SMILE) give in float32, one clip after the other."""
    bound, value, slope = PUBLISHED[name]
    s = published_scores().requires_grad_()
    out = bound(s)
    out.backward()
    assert out.item() == approx(value, abs=1e-6)
    assert s.grad.norm().item() == approx(slope, abs=1e-6)


def test_the_published_running_mean():
    """0.9 * 1 + 0.1 * 1.6788."""
    state = mi.mine(published_scores(), 1.0)[1]
    assert state == approx(1.0679, abs=5e-5)


@pytest.mark.parametrize("seed", range(3))
def test_against_loops(seed):
    s = random_scores(seed=seed)
    loops, log_a = Loops(s), torch.linspace(-1, 2, 6, dtype=torch.float64)
    a = log_a.exp().tolist()
    assert mi.info_nce(s).item() == approx(loops.info_nce(), rel=1e-12)
    assert mi.dv(s).item() == approx(loops.dv(), rel=1e-12)
    assert mi.mine(s, 2.0)[0].item() == approx(loops.dv(), rel=1e-12)
    assert mi.nwj(s).item() == approx(loops.tuba([math.e] * 6), rel=1e-12)
    assert mi.tuba(s, log_a).item() == approx(loops.tuba(a), rel=1e-12)
    assert mi.jsd(s).item() == approx(loops.jsd(), rel=1e-12)
    assert mi.smile(s, clip=1.5).item() == approx(loops.dv(clip=1.5), rel=1e-12)
    assert mi.jsd_readout_dv(s).item() == approx(loops.dv(), rel=1e-12)
    assert mi.jsd_readout_nwj(s).item() == approx(mi.nwj(s + 1).item(), rel=1e-12)
    for alpha in (0, 0.01, 0.5, 0.99, 1):
        ours = mi.interpolated(s, alpha, log_a).item()
        assert ours == approx(loops.interpolated(alpha, a), rel=1e-12)


@pytest.mark.parametrize("gap", [10, 16, 20, 30, 80])
@pytest.mark.parametrize("place", ["diagonal", "beside"])
def test_leave_one_out_where_one_score_beats_its_row(gap, place):
    """Subtracting it from the row's sum, as published code does, leaves no digit in float32."""
    s = random_scores(8, scale=1.0)
    rows = torch.arange(8)
    s[rows, rows if place == "diagonal" else (rows + 3) % 8] += gap
    exact = Loops(s).interpolated(0.5, [1.0] * 8)
    assert mi.interpolated(s, 0.5, 0.0).item() == approx(exact, rel=1e-12)
    assert mi.interpolated(s.float(), 0.5, 0.0).item() == approx(exact, rel=1e-5)


def test_leave_one_out_gradient_where_one_score_beats_its_row():
    s = random_scores(5, scale=1.0) + 30 * torch.eye(5)
    exact, single = s.clone().requires_grad_(), s.float().requires_grad_()
    for x in (exact, single):
        mi.interpolated(x, 0.5, 0.0).backward()
    assert torch.autograd.gradcheck(lambda x: mi.interpolated(x, 0.5, 0.0), exact)
    torch.testing.assert_close(single.grad.double(), exact.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_leave_one_out_gradient_where_all_scores_are_equal(alpha):
    s = torch.zeros(4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: mi.interpolated(x, alpha, 0.3), s)


def test_interpolated_between_tuba_and_leave_one_out_info_nce():
    s = random_scores()
    assert mi.interpolated(s, 0, 0.7).item() == approx(mi.tuba(s, 0.7).item(), rel=1e-12)
    loo = mi.interpolated(50 * torch.eye(8).double(), 1, 0.0)
    assert loo.item() == approx(math.log(7), abs=1e-12)  # its ceiling


def test_a_zero_critic():
    zero = torch.zeros(7, 7)
    assert mi.info_nce(zero).item() == approx(0, abs=1e-6)
    assert mi.dv(zero).item() == approx(0, abs=1e-6)
    assert mi.smile(zero, clip=3).item() == approx(0, abs=1e-6)
    assert mi.tuba(zero, 0.0).item() == approx(0, abs=1e-6)
    assert mi.interpolated(zero, 0.4, 0.0).item() == approx(0, abs=1e-6)
    assert mi.jsd_readout_nwj(zero).item() == approx(0, abs=1e-6)
    assert mi.nwj(zero).item() == approx(-1 / math.e, abs=1e-6)
    assert mi.jsd(zero).item() == approx(-2 * math.log(2), abs=1e-6)
    assert mi.info_nce_explicit(torch.zeros(3), torch.zeros(3, 9)).item() == approx(0, abs=1e-6)


def test_perfect_scores_reach_the_ceilings():
    sure = 40 * torch.eye(8).double()
    assert mi.info_nce(sure).item() == approx(math.log(8), abs=1e-12)
    explicit = mi.info_nce_explicit(torch.full((3,), 40.0), torch.zeros(3, 7))
    assert explicit.item() == approx(math.log(8), abs=1e-6)
    assert mi.jsd(80 * torch.eye(8).double() - 40).item() == approx(0, abs=1e-12)


@given(st.integers(2, 9), st.integers(0, 10_000), st.floats(0, 1e4))
def test_info_nce_never_exceeds_log_b(b, seed, scale):
    g = torch.Generator().manual_seed(seed)
    s = scale * torch.randn(b, b, generator=g)
    for value, ceiling in ((mi.info_nce(s), b), (mi.info_nce_explicit(s[0], s[1:].T), b)):
        assert value.item() <= math.log(ceiling) * (1 + 1e-6)


def test_explicit_negatives_are_the_rows_of_the_matrix():
    s = random_scores()
    off = torch.stack([torch.cat([row[:i], row[i + 1 :]]) for i, row in enumerate(s)])
    explicit = mi.info_nce_explicit(s.diagonal(), off)
    assert explicit.item() == approx(mi.info_nce(s).item(), rel=1e-12)


def test_what_a_shift_does():
    """dv does not feel a constant, info_nce not even one per row; nwj and jsd do."""
    s, rows = random_scores(), torch.linspace(-3, 3, 6).double()[:, None]
    assert mi.dv(s + 2).item() == approx(mi.dv(s).item(), rel=1e-12)
    assert mi.info_nce(s + rows).item() == approx(mi.info_nce(s).item(), rel=1e-12)
    assert mi.tuba(s + rows, rows[:, 0]).item() == approx(mi.tuba(s, 0.0).item(), rel=1e-12)
    assert mi.nwj(s + 1).item() != approx(mi.nwj(s).item(), rel=1e-3)
    assert mi.jsd(s + 1).item() != approx(mi.jsd(s).item(), rel=1e-3)


@every
def test_the_order_of_the_pairs_does_not_matter(name):
    s, order = random_scores(), torch.tensor([3, 0, 5, 1, 4, 2])
    once = BOUNDS[name](s).item()
    assert BOUNDS[name](s[order][:, order]).item() == approx(once, rel=1e-12)


@pytest.mark.parametrize("name", [n for n in BOUNDS if n not in ("mine", "smile")])
def test_gradcheck(name):
    s = random_scores(4).requires_grad_()
    assert torch.autograd.gradcheck(BOUNDS[name], s)


def test_gradcheck_of_explicit_negatives():
    s = random_scores(4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: mi.info_nce_explicit(x[0], x[1:].T), s)


@pytest.mark.parametrize("clip", [0.5, 5.0, math.inf])
def test_smile_learns_as_jsd(clip):
    s = random_scores().requires_grad_()
    (ours,) = torch.autograd.grad(mi.smile(s, clip=clip), s)
    (theirs,) = torch.autograd.grad(mi.jsd(s), s)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_smile_can_lie_above_the_truth():
    """A critic that shouts at independent pairs: clipping hides what it says off the diagonal."""
    assert mi.smile(torch.full((8, 8), 10.0), clip=1).item() == approx(9, abs=1e-5)
    assert mi.dv(torch.full((8, 8), 10.0)).item() == approx(0, abs=1e-5)


def test_mine_divides_by_the_running_mean():
    s = random_scores().requires_grad_()
    state = None
    for momentum in (0.9, 0.7):
        value, after = mi.mine(s, state, momentum=momentum)
        now = mean(math.exp(v) for v in Loops(s).off)
        expected = now if state is None else momentum * state + (1 - momentum) * now
        assert after == approx(expected, rel=1e-12)
        (slope,) = torch.autograd.grad(value, s)
        by_hand = -s.detach().exp() / (30 * expected)  # 30 entries off the diagonal
        torch.testing.assert_close(slope, by_hand.fill_diagonal_(1 / 6), rtol=1e-10, atol=0)
        state = 3.0


def test_mine_starts_with_the_gradient_of_dv():
    s = random_scores().requires_grad_()
    (ours,) = torch.autograd.grad(mi.mine(s)[0], s)
    (theirs,) = torch.autograd.grad(mi.dv(s), s)
    torch.testing.assert_close(ours, theirs)


@every
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("mixed", [False, True])
def test_half_precision_is_computed_wide(name, dtype, mixed):
    s = random_scores(16).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
        value = BOUNDS[name](s)
    assert value.dtype == torch.float32
    assert value.item() == approx(BOUNDS[name](s.double()).item(), rel=1e-5)
    assert BOUNDS[name](s.double()).dtype == torch.float64


@pytest.mark.parametrize(
    "name", ["info_nce", "dv", "interpolated", "jsd", "smile", "jsd_readout_dv"]
)
def test_gradients_stay_finite_at_extreme_scores(name):
    """The others exponentiate: they may overflow, as the bounds they are."""
    s = (200 * random_scores(6)).float().requires_grad_()
    BOUNDS[name](s).backward()
    assert torch.isfinite(s.grad).all()


@every
@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (0, 0), (4,), (2, 2, 2)])
def test_scores_of_another_shape_are_named(name, shape):
    with pytest.raises(ValueError, match=r"scores must be \[B, B\]"):
        BOUNDS[name](torch.zeros(shape))


@every
def test_whole_numbers_are_no_scores(name):
    with pytest.raises(ValueError, match="scores must be floating"):
        BOUNDS[name](torch.zeros(3, 3, dtype=torch.long))


@given(st.one_of(st.floats(max_value=0), st.just(math.nan), st.just(-math.inf), st.booleans()))
def test_bad_clip_names_itself(clip):
    with pytest.raises(ValueError, match="clip"):
        mi.smile(torch.zeros(3, 3), clip=clip)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, math.nan, True])
def test_bad_alpha_names_itself(alpha):
    with pytest.raises(ValueError, match="alpha"):
        mi.interpolated(torch.zeros(3, 3), alpha, 0.0)


@pytest.mark.parametrize("shape", [(2,), (3, 1), (1,), (3, 3)])
def test_a_baseline_belongs_to_rows(shape):
    with pytest.raises(ValueError, match=r"log_baseline must be a number or \[3\]"):
        mi.tuba(torch.zeros(3, 3), torch.zeros(shape))


def test_bad_state_and_momentum_name_themselves():
    with pytest.raises(ValueError, match="state"):
        mi.mine(torch.zeros(3, 3), 0.0)
    with pytest.raises(ValueError, match="momentum"):
        mi.mine(torch.zeros(3, 3), 1.0, momentum=1.5)


@pytest.mark.parametrize(
    ("positive", "negatives"), [((3,), (4, 2)), ((3, 1), (3, 2)), ((3,), (3, 0)), ((0,), (0, 2))]
)
def test_explicit_shapes_are_named(positive, negatives):
    with pytest.raises(ValueError, match="positive must be"):
        mi.info_nce_explicit(torch.zeros(positive), torch.zeros(negatives))
