"""The margin loss before CLIP: loops, both papers' sums, its gradient's end, bad input."""

import math

import pytest
import torch
from pytest import approx

from labkit import losses


def arr(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def looped(image, text, margin, hardest):
    """The papers' sum over both directions and the batch."""
    unit = lambda x: [[v / math.hypot(*row) for v in row] for row in x.tolist()]  # noqa: E731
    cos = [[sum(map(math.prod, zip(a, t, strict=True))) for t in unit(text)] for a in unit(image)]
    total, rows = 0.0, range(len(image))
    for i in rows:
        for wrong in ([cos[i][j] for j in rows if j != i], [cos[j][i] for j in rows if j != i]):
            costs = [max(0.0, margin - cos[i][i] + c) for c in wrong]
            total += max(costs) if hardest else sum(costs)
    return total


@pytest.mark.parametrize("margin", [0.2, 1.0])
@pytest.mark.parametrize("hardest", [False, True])
def test_the_papers_sums_by_loops(margin, hardest):
    image, text = arr(1, 6, 4), arr(2, 6, 4)
    expected = looped(image, text, margin, hardest) / (12 if hardest else 60)
    found = losses.ranking(image, text, margin=margin, hardest=hardest).item()
    assert found == approx(expected, rel=1e-12)


@pytest.mark.parametrize("hardest", [False, True])
def test_chance_is_the_margin_and_the_worst_two_more(hardest):
    equal = torch.ones(5, 3, dtype=torch.float64)
    ranking = lambda a, t: losses.ranking(a, t, margin=0.3, hardest=hardest).item()  # noqa: E731
    assert ranking(equal, equal) == approx(0.3, rel=1e-12)
    poles = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    assert ranking(poles, -poles) == approx(2.3, rel=1e-12)


@pytest.mark.parametrize("hardest", [False, True])
def test_once_all_keep_the_margin_nothing_is_learnt(hardest):
    image = torch.eye(4, dtype=torch.float64).requires_grad_()
    text = (torch.eye(4) + 0.05).double()
    loss = losses.ranking(image, text, margin=0.2, hardest=hardest)
    loss.backward()
    assert loss.item() == 0 and image.grad.abs().max() == 0
    assert losses.ranking(image, text, margin=1.5, hardest=hardest).item() > 0


def test_the_hardest_is_the_mean_of_one_and_above_that_of_more():
    for rows in (2, 6):
        pair = arr(1, rows, 4), arr(2, rows, 4)
        mean, worst = (losses.ranking(*pair, margin=1, hardest=h).item() for h in (False, True))
        assert worst == approx(mean, rel=1e-12) if rows == 2 else worst > mean + 0.1


def test_lengths_the_order_of_pairs_and_which_is_which_do_not_matter():
    image, text = arr(1, 6, 4), arr(2, 6, 4)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    for hardest in (False, True):
        loss = lambda a, t, h=hardest: losses.ranking(a, t, hardest=h).item()  # noqa: E731
        assert loss(7 * image, 0.1 * text) == approx(loss(image, text), rel=1e-12)
        assert loss(image[order], text[order]) == approx(loss(image, text), rel=1e-12)
        assert loss(text, image) == approx(loss(image, text), rel=1e-12)


@pytest.mark.parametrize("hardest", [False, True])
def test_gradients(hardest):
    image, text = arr(1, 4, 3).requires_grad_(), arr(2, 4, 3).requires_grad_()
    loss = lambda a, t: losses.ranking(a, t, margin=0.5, hardest=hardest)  # noqa: E731
    assert torch.autograd.gradcheck(loss, (image, text))


def test_half_precision_is_computed_wide():
    image, text = arr(1, 8, 4).bfloat16(), arr(2, 8, 4).bfloat16()
    half = losses.ranking(image, text)
    assert half.dtype == torch.float32
    assert half.item() == approx(losses.ranking(image.double(), text.double()).item(), abs=1e-6)


@pytest.mark.parametrize("margin", [0, -0.1, math.nan, "0.2"])
def test_a_bad_margin_is_named(margin):
    with pytest.raises(ValueError, match="margin"):
        losses.ranking(arr(1, 4, 3), arr(2, 4, 3), margin=margin)


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match="no negatives"):
        losses.ranking(arr(1, 1, 3), arr(2, 1, 3))
    with pytest.raises(ValueError, match="one shape"):
        losses.ranking(arr(1, 4, 3), arr(2, 3, 3))
