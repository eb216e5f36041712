"""WCoRD: the critic's Lipschitz bound and what it can see, both terms by loops, bad input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import losses


def arr(seed, *shape):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def critic(seed, *sizes):
    """With weights of any length: the norm is divided out."""
    made = losses.LipschitzCritic(*sizes).double()
    with torch.no_grad():
        made.weight.copy_(3 * arr(seed, *sizes))
    return made


def ball(generator, rows, dim):
    x = torch.randn(rows, dim, generator=generator, dtype=torch.float64)
    inside = torch.rand(rows, 1, generator=generator, dtype=torch.float64)
    return x / x.norm(dim=1, keepdim=True) * inside


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 6))
def test_the_critic_is_1_lipschitz_in_each_argument_on_the_unit_ball(seed, dt, ds):
    generator, g = torch.Generator().manual_seed(seed), critic(seed, dt, ds)
    t, t2 = ball(generator, 40, dt), ball(generator, 40, dt)
    s, s2 = ball(generator, 40, ds), ball(generator, 40, ds)
    with torch.no_grad():
        one = (g(t, s) - g(t2, s)).abs() - (t - t2).norm(dim=1)[:, None]
        two = (g(t, s) - g(t, s2)).abs() - (s - s2).norm(dim=1)
        both = (g(t, s) - g(t2, s2)).diagonal().abs()
        assert max(one.max(), two.max()) < 1e-12
        assert (both - (t - t2).norm(dim=1) - (s - s2).norm(dim=1)).max() < 1e-12
        assert g(t, s).abs().max() <= 1 + 1e-12


def test_the_bound_is_met_and_is_not_one_of_the_euclidean_distance_of_the_pair():
    g = critic(0, 4, 3)
    u, _, vh = torch.linalg.svd(g.matrix().detach())
    t, s = u[:, :1].T, vh[:1]
    assert g(t, s).item() == pytest.approx(1.0)  # from 0 to length 1: a slope of 1
    nearly = g(0.9 * t, 0.9 * s).item()
    pair = (2 * 0.1**2) ** 0.5
    assert 1 - nearly > 1.3 * pair  # but at most 0.1 + 0.1


def test_the_norm_is_the_spectral_norm_whatever_the_shape_and_scale():
    for sizes in ((5, 3), (3, 5), (4, 4)):
        g = critic(1, *sizes)
        torch.testing.assert_close(
            g.matrix(), g.weight / torch.linalg.matrix_norm(g.weight, 2), rtol=1e-12, atol=0
        )
        before = g.matrix().detach().clone()
        g.weight.data *= 100
        torch.testing.assert_close(g.matrix(), before)
    start = losses.LipschitzCritic(3, 3)
    assert torch.equal(start.matrix(), torch.eye(3))


def test_a_trained_critic_reaches_the_nuclear_norm_and_never_more():
    t = arr(1, 12, 3)
    s = torch.cat([t[:, :2] + 0.1 * arr(2, 12, 2), arr(3, 12, 2)], 1)
    most = losses.wcord_supremum(s, t).item()
    off = ~torch.eye(12, dtype=torch.bool)
    g = losses.LipschitzCritic(3, 4).double()
    optimiser = torch.optim.Adam(g.parameters(), 0.1)
    for step in range(100):
        optimiser.param_groups[0]["lr"] = 0.1 * (1 - step / 100)
        scores = g(t, s)
        loss = losses.wcord_global(scores.diagonal(), scores[off])
        assert -loss.item() <= most + 1e-9
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert -loss.item() == pytest.approx(most, rel=0.05)
    u, _, vh = torch.linalg.svd(  # the best W is U V' of the cross-covariance: then exactly
        (t - t.mean(0)).T @ (s - s.mean(0)), full_matrices=False
    )
    g.weight.data.copy_(u @ vh)
    scores = g(t, s)
    found = -losses.wcord_global(scores.diagonal(), scores[off]).item()
    assert found == pytest.approx(most, rel=1e-12)


def test_the_global_term_of_hand_made_scores():
    joint, product = torch.tensor([0.5, 1.0]), torch.tensor([[0.0, -0.5], [0.25, 0.25]])
    assert losses.wcord_global(joint, product).item() == pytest.approx(0.0 - 0.75)
    assert losses.wcord_global(joint, joint).item() == 0


def test_the_local_term_knows_sets_and_not_pairs():
    """The permutation trap: shuffled embeddings cost nothing, so identities must come elsewhere."""
    t, order = arr(1, 8, 16), torch.randperm(8, generator=torch.Generator().manual_seed(0))
    assert losses.wcord_local(t[order], t, epsilon=0.1).item() == pytest.approx(0, abs=1e-6)
    paired = losses.cosine_cost(t, t[order]).diagonal().mean().item()
    assert paired > 0.5
    x, y = arr(1, 7, 16).clamp_min(0), arr(2, 7, 16).clamp_min(0)
    assert losses.wcord_local(x, y).item() == pytest.approx(0.4792576288, abs=1e-10)
    assert losses.wcord_local(5 * x, y).item() == pytest.approx(0.4792576288, abs=1e-10)
    blurred = losses.wcord_local(x, y, solver="sinkhorn", epsilon=0.1, iterations=500)
    assert blurred.item() == pytest.approx(0.5449, abs=6e-5)
    own = losses.wcord_local(x, y, solver="identity")  # no plan: each student to its own teacher
    assert own.item() == pytest.approx(1 - torch.cosine_similarity(x, y).mean().item())
    assert own > losses.wcord_local(x, y)


def test_gradients_of_both_terms():
    s, t = arr(1, 4, 3).requires_grad_(), arr(2, 4, 3)
    for solver in ("ipot", "sinkhorn", "identity"):
        free = {"solver": solver, "detached": False, "iterations": 5}
        assert torch.autograd.gradcheck(lambda x: losses.wcord_local(x, t, **free), s)  # noqa: B023
    g = critic(3, 3, 3)
    assert torch.autograd.gradcheck(lambda w: in_batch(g, w, s, t), g.weight)
    assert torch.autograd.gradcheck(lambda x: in_batch(g, g.weight, x, t), s)


def in_batch(g, weight, s, t):
    scores = torch.func.functional_call(g, {"weight": weight}, (t, s))
    return losses.wcord_global(scores.diagonal(), scores)


def module(**more):
    torch.manual_seed(0)
    made = losses.WCoRD(5, 7, **{"dim": 4} | more).double()
    with torch.no_grad():
        made.critic.weight.copy_(arr(9, 4, 4))
    return made, (arr(1, 8, 5), arr(2, 8, 7))


def test_the_module_against_loops():
    w, (s, t) = module()
    unit = lambda x: x / x.norm(dim=1, keepdim=True)  # noqa: E731
    with torch.no_grad():
        es, et = unit(w.student_head(s)), unit(w.teacher_head(t))
        matrix = w.critic.weight / torch.linalg.matrix_norm(w.critic.weight, 2)
        joint = sum((et[i] @ matrix @ es[i]).item() for i in range(8)) / 8
        pairs = [(i, j) for i in range(8) for j in range(8) if i != j]
        rest = sum((et[i] @ matrix @ es[j]).item() for i, j in pairs) / len(pairs)
    terms = w(s, t)
    assert terms.dual.item() == pytest.approx(rest - joint, rel=1e-10)
    assert terms.primal.item() == pytest.approx(losses.wcord_local(es, et).item(), rel=1e-10)


def test_fewer_negatives_change_the_noise_and_not_the_value():
    w, (s, t) = module()
    everybody = w(s, t).dual.item()
    for more_than_there_are in (7, 100):
        w.negatives = more_than_there_are
        assert w(s, t).dual.item() == everybody
    w.negatives, w.generator = 2, torch.Generator().manual_seed(0)
    drawn = torch.tensor([w(s, t).dual.item() for _ in range(2000)])
    assert drawn.std() > 0.01
    assert drawn.mean().item() == pytest.approx(everybody, abs=4 * drawn.std().item() / 2000**0.5)


@pytest.mark.parametrize("both", [False, True])
def test_both_terms_teach_student_head_and_critic_and_the_teachers_head_if_asked(both):
    w, (s, t) = module(both_heads=both)
    s, t = s.requires_grad_(), t.requires_grad_()
    terms = w(s, t)
    (terms.dual + terms.primal).backward()
    assert s.grad.norm() > 0 and t.grad is None
    for name, p in w.named_parameters():
        assert (p.grad is None) == (name.startswith("teacher_head") and not both)
        assert p.grad is None or p.grad.norm() > 0


def test_two_heads_that_both_move_make_everything_one_arrow():
    """Why the teacher's head stands still: the cheapest answer to the local term is no answer."""
    alike = {}
    for both in (False, True):
        w, _ = module(both_heads=both)
        s, t = arr(1, 64, 5).abs(), arr(2, 64, 7).abs()  # as after a ReLU
        optimiser = torch.optim.SGD(w.parameters(), 0.1, momentum=0.9)
        for _ in range(200):
            optimiser.zero_grad()
            w(s, t).primal.backward()
            optimiser.step()
        teacher = w.embed(s, t, 64)[1]
        alike[both] = (teacher @ teacher.T).mean().item()
    assert alike[True] > 0.95 > 0.6 > alike[False]


def test_learning_lowers_both_terms():
    w, (s, t) = module()
    optimiser = torch.optim.Adam(w.parameters(), 0.05)
    first = w(s, t)
    for _ in range(60):
        terms = w(s, t)
        optimiser.zero_grad()
        (terms.dual + terms.primal).backward()
        optimiser.step()
    assert terms.dual < first.dual - 0.3 and terms.primal < first.primal / 2
    assert -2 <= terms.dual <= 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: losses.wcord_local(x, x, solver="emd"), "unknown solver 'emd'"),
        (lambda x: losses.wcord_local(x, x, epsilon=0), "beta"),
        (lambda x: losses.wcord_local(x, x, solver="sinkhorn", epsilon=-1), "epsilon"),
        (lambda x: losses.wcord_local(x, x[:3]), "one shape"),
        (lambda x: losses.wcord_global(x[:0], x), "joint"),
        (lambda x: losses.wcord_global(x, x.long()), "product"),
        (lambda x: losses.wcord_supremum(x[:1], x[:1]), "B >= 2"),
        (lambda x: losses.LipschitzCritic(0, 3), "teacher_dim"),
        (lambda x: losses.LipschitzCritic(3, 5)(x, x), r"student must be \[B, 5\]"),
        (lambda x: losses.WCoRD(3, 3, solver="emd"), "solver"),
        (lambda x: losses.WCoRD(3, 3, negatives=0), "negatives"),
        (lambda x: losses.WCoRD(3, 4)(x, x), "teacher_features"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(arr(1, 4, 3))
