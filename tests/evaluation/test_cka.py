"""CKA against its definition by loops over pictures, and what must not change it."""

from itertools import permutations

import torch
from pytest import approx, mark, raises

from labkit.evaluation import cka


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dependence(x, y):
    """HSIC as a mean over every four different pictures: Song et al. (2012), without bias."""
    k, m = x @ x.T, y @ y.T
    four = [
        k[a, b] * (m[a, b] + m[c, d] - 2 * m[a, c]) for a, b, c, d in permutations(range(len(x)), 4)
    ]
    return (sum(four) / len(four)).item()


@mark.parametrize("shape", [(6, 3, 5), (7, 20, 4)])
def test_it_is_the_kernels_alignment(shape):
    n, d, e = shape
    x = draw(1, n, d)
    y = draw(2, n, e) + x @ draw(3, d, e)
    same = (dependence(x, x) * dependence(y, y)) ** 0.5
    assert cka([x], [y]).item() == approx(dependence(x, y) / same, rel=1e-9)


def test_a_turn_a_shift_and_a_scale_change_nothing_and_one_stretched_axis_does():
    x = draw(1, 50, 6)
    turn = torch.linalg.qr(draw(2, 6, 6))[0]
    stretched = x * torch.tensor([30.0, 1, 1, 1, 1, 1])
    found = cka([x], [3 * x @ turn + 7, stretched])[0]
    assert found[0].item() == approx(1, abs=1e-12) and found[1] < 0.7


def test_every_layer_with_every_layer_and_maps_are_flattened():
    first, second, other = draw(1, 20, 3, 2, 2), draw(2, 20, 5), draw(3, 20, 4)
    found = cka([first, second, other], [other, first])
    assert found.shape == (3, 2)
    assert found[1, 1].item() == approx(cka([second], [first.flatten(1)]).item())
    assert found[0, 1].item() == approx(1) and found[2, 0].item() == approx(1)


def test_chance_is_0_however_wide_and_a_constant_is_0():
    found = [cka([draw(seed, 40, 300)], [draw(99 + seed, 40, 300)]).item() for seed in range(30)]
    assert sum(found) / 30 == approx(0, abs=0.02)
    assert cka([draw(1, 10, 3)], [torch.ones(10, 2)]).item() == 0


def test_bad_input_is_named():
    short, long = draw(1, 3, 2), draw(1, 5, 2)
    for ours, theirs in (([long], [draw(1, 6, 2)]), ([short], [short]), ([], [long])):
        with raises(ValueError, match="N >= 4"):
            cka(ours, theirs)
