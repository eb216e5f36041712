"""The ridge probe against plain least squares, on what can and what cannot be read."""

import torch
from pytest import approx, raises

from labkit import data, models
from labkit.evaluation import linear_probe, pooled, probe


def clouds(count, apart, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    centres = apart * torch.eye(3, 5)
    return centres[labels] + torch.randn(count, 5, generator=generator), labels


def test_reads_what_is_apart_and_nothing_else():
    x, y = clouds(600, 8.0)
    z, w = clouds(300, 8.0, seed=1)
    assert probe(x, y, z, w) == approx(1.0, abs=0.01)
    none, _ = clouds(600, 0.0)
    assert probe(none, y, clouds(300, 0.0, seed=1)[0], w) == approx(1 / 3, abs=0.1)


def test_is_least_squares_when_the_penalty_vanishes():
    x, y = clouds(90, 1.0)
    z, w = clouds(60, 1.0, seed=1)
    ones = torch.ones(90, 1)
    target = torch.nn.functional.one_hot(y).float()
    solution = torch.linalg.lstsq(torch.cat([x, ones], 1), target).solution
    guess = (torch.cat([z, torch.ones(60, 1)], 1) @ solution).argmax(1)
    assert probe(x, y, z, w, penalty=1e-9) == approx((guess == w).float().mean().item())


def test_scale_and_shift_of_a_feature_play_no_part():
    x, y = clouds(90, 1.0)
    z, w = clouds(60, 1.0, seed=1)
    factor, shift = torch.tensor([1.0, 10, 0.1, 5, 2]), torch.tensor([0.0, 3, -7, 1, 2])
    assert probe(x * factor + shift, y, z * factor + shift, w) == approx(probe(x, y, z, w))


def test_pooled_vectors_come_in_order_from_eval_mode():
    dataset = data.load("motif100", train=20, val=10, test=30)
    network = models.build("convnet", 100).train()
    found = pooled(network, dataset, "test", batch_size=7)
    batch = next(data.batches(dataset, "test", batch_size=30, order=None, augment=None))
    with torch.no_grad():
        assert torch.allclose(found, network.eval()(batch.images).pooled, atol=1e-5)


def test_bad_input_is_named():
    x, y = clouds(30, 1.0)
    with raises(ValueError, match="penalty"):
        probe(x, y, x, y, penalty=0)
    with raises(ValueError, match="30 features and 29 labels"):
        probe(x, y[1:], x, y)


def test_logistic_regression_reads_what_is_apart_and_says_its_c():
    x, y = clouds(600, 8.0)
    z, w = clouds(300, 8.0, seed=1)
    found = linear_probe(x, y, z, w)
    assert found.accuracy == approx(1.0, abs=0.01)
    assert found.chosen in (0.01, 0.1, 1.0, 10.0)


def test_c_is_the_one_with_the_best_folds():
    draw = torch.Generator().manual_seed(0)
    y, w = torch.arange(120) % 2, torch.arange(400) % 2
    x, z = (torch.randn(len(of), 200, generator=draw) for of in (y, w))
    x[:, 0] += 3.0 * y
    z[:, 0] += 3.0 * w
    alone = [linear_probe(x, y, z, w, strengths=(c,)) for c in (0.001, 0.1, 1000.0)]
    assert len({one.validated for one in alone}) == 3
    best = max(alone, key=lambda one: one.validated)
    assert linear_probe(x, y, z, w, strengths=(0.001, 0.1, 1000.0)) == best
    with raises(ValueError, match="each example needs its label"):
        linear_probe(x, y[:-1], z, w)
