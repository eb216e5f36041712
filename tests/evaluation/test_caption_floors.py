"""Floors: known numbers, sums by loops, batches that reach them, and a search that cannot pass."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from pytest import approx

from labkit import evaluation, losses

CHANCE = 2 * math.log(2)


@pytest.mark.parametrize(
    ("classes", "batch", "clip", "siglip"),
    [
        (10, 2, 0.069, 0.335),
        (10, 64, 1.929, 2.916),
        (10, 256, 3.260, 4.258),
        (10, 1024, 4.633, 5.633),
        (100, 256, 1.155, 2.111),
    ],
)
def test_known_numbers(classes, batch, clip, siglip):
    assert evaluation.clip_floor(batch, classes) == approx(clip, abs=5e-4)
    assert evaluation.siglip_floor(batch, classes) == approx(siglip, abs=5e-4)


def test_what_clip_may_reach_is_nearly_log_c_and_clip_lite_stands_still():
    reached = [math.log(b) - evaluation.clip_floor(b, 10) for b in (2, 64, 256, 1024, 8192)]
    assert reached == sorted(reached) and reached[-1] < math.log(10)
    assert reached[2] == approx(2.285, abs=5e-4) and reached[-1] == approx(math.log(10), abs=1e-3)
    assert evaluation.clip_lite_floor(10) == approx(0.3351, abs=5e-5)
    assert evaluation.clip_lite_floor(100) == approx(0.0561, abs=5e-5)
    assert evaluation.clip_lite_floor(10) == approx(math.log(1.1) + math.log(11) / 10, rel=1e-12)


@pytest.mark.parametrize("scale", [None, 0.4, 3.0, 14.3])
def test_clip_s_sum_over_every_possible_batch(scale):
    """All 3^4 batches of four pairs, three captions; same 1, others -1/2 as in a triangle."""
    total = 0.0
    for labels in itertools.product(range(3), repeat=4):
        for i in range(4):
            others = [labels[j] == labels[i] for j in range(4)]
            apart = 0.0 if scale is None else math.exp(-1.5 * scale)
            total += math.log(sum(1.0 if same else apart for same in others))
    floor = evaluation.clip_floor(4, 3, scale=scale)
    assert floor == approx(total / (4 * 3**4), rel=1e-12)


def test_an_ideal_network_s_loss_on_drawn_batches():
    """The losses themselves at cosine 1 for the same caption and 0 for others."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(60):
        code = torch.eye(10)[torch.randint(10, (256,), generator=generator)]
        found.append(losses.clip(code, code, scale=100).item())
    assert sum(found) / 60 == approx(evaluation.clip_floor(256, 10), abs=0.01)


def test_clip_lite_measured_at_its_best_bounded_embeddings_whatever_batch_and_negatives():
    """Five captions at scale 2: the best is found by descent, then met by real batches."""
    image, text = best_embeddings(5, lambda x: clip_lite_of(2 * x))
    floor = evaluation.clip_lite_floor(5, scale=2)
    generator = torch.Generator().manual_seed(0)
    for batch, negatives, rounds in ((8, 1, 1500), (64, 1, 300), (64, 63, 300)):
        total = 0.0
        for _ in range(rounds):
            labels = torch.randint(5, (batch,), generator=generator)
            pair = image[labels], text[labels]
            total += losses.clip_lite(*pair, scale=2, negatives=negatives).item()
        assert total / rounds == approx(floor, abs=0.012)


def clip_lite_of(scores):
    """Expected CLIP-Lite loss of scores [C, C] of class and caption."""
    return F.softplus(-scores.diagonal()).mean() + F.softplus(scores).mean()


def siglip_of(scores, batch):
    return F.softplus(-scores.diagonal()).mean() + (batch - 1) * F.softplus(scores).mean()


def clip_of(scores, batch):
    """Expected CLIP loss, over all batches of a few pairs."""
    total = 0.0
    combinations = list(itertools.product(range(len(scores)), repeat=batch))
    for labels in combinations:
        drawn = scores[list(labels)][:, list(labels)]
        own = torch.arange(batch)
        total = total + (F.cross_entropy(drawn, own) + F.cross_entropy(drawn.T, own)) / 2
    return total / len(combinations)


def best_embeddings(classes, loss, seed=0):
    """Unit vectors [C, C] of classes and of captions, after a descent on the cosines' loss."""
    generator = torch.Generator().manual_seed(seed)
    made = torch.randn(2, classes, classes, generator=generator, dtype=torch.float64)
    made.requires_grad_()
    optimiser = torch.optim.LBFGS([made], max_iter=150, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        image, text = F.normalize(made, dim=2)
        value = loss(image @ text.T)
        value.backward()
        return value

    optimiser.step(closure)
    return tuple(F.normalize(made.detach(), dim=2))


@pytest.mark.parametrize(
    ("classes", "scale", "bias", "batch"),
    [(2, 3.0, 0.0, 2), (4, 1.0, 0.0, 2), (6, 8.0, 0.0, 2), (5, 10.0, -10.0, 32), (4, 3.0, 1.0, 9)],
)
def test_no_search_over_unit_vectors_gets_below_siglip_s_floor_and_it_is_reached(
    classes, scale, bias, batch
):
    floor = evaluation.siglip_floor(batch, classes, scale=scale, bias=bias)
    loss = lambda cosines: siglip_of(scale * cosines + bias, batch)  # noqa: E731
    found = []
    for seed in range(2):
        image, text = best_embeddings(classes, loss, seed)
        found.append(loss(image @ text.T).item())
    assert min(found) >= floor - 1e-9
    assert min(found) == approx(floor, rel=1e-4)


def test_no_search_over_unit_vectors_gets_below_clip_s_floor_and_it_is_reached():
    loss = lambda cosines: clip_of(1.5 * cosines, 3)  # noqa: E731
    image, text = best_embeddings(3, loss)
    found, floor = loss(image @ text.T).item(), evaluation.clip_floor(3, 3, scale=1.5)
    assert found >= floor - 1e-9 and found == approx(floor, rel=1e-4)


def test_bounded_floors_lie_above_fall_with_the_scale_and_end_at_the_unbounded():
    scales = (0.01, 1, 4, 14.3, 50, 2000)
    for bounded, free, chance in (
        (lambda s: evaluation.clip_floor(64, 10, scale=s), evaluation.clip_floor(64, 10), 4.1589),
        (lambda s: evaluation.clip_lite_floor(10, scale=s), evaluation.clip_lite_floor(10), CHANCE),
        (lambda s: evaluation.siglip_floor(64, 10, scale=s), evaluation.siglip_floor(64, 10), 44.4),
    ):
        found = [bounded(s) for s in scales]
        assert found == sorted(found, reverse=True) and found[0] == approx(chance, rel=0.02)
        assert found[-1] >= free - 1e-9 and found[-1] == approx(free, abs=1e-6)


def test_richer_captions_lower_every_floor():
    counts = (2, 10, 100, 1000, 10**6)
    for floor in (
        lambda c: evaluation.clip_floor(256, c),
        lambda c: evaluation.siglip_floor(256, c),
        evaluation.clip_lite_floor,
    ):
        found = [floor(c) for c in counts]
        assert found == sorted(found, reverse=True) and 0 < found[-1] < 0.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evaluation.clip_floor(1, 10), "batch"),
        (lambda: evaluation.clip_floor(64, 1), "classes"),
        (lambda: evaluation.clip_floor(64, 10, scale=0), "scale"),
        (lambda: evaluation.siglip_floor(1, 10), "batch"),
        (lambda: evaluation.siglip_floor(64, 10, scale=1, bias=math.nan), "bias"),
        (lambda: evaluation.siglip_floor(64, 10, scale=-1), "scale"),
        (lambda: evaluation.clip_lite_floor(1.5), "classes"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
