"""CLIP's loss: open_clip's numbers, loops, InfoNCE both ways, invariants, bad input."""

import math

import pytest
import torch
from pytest import approx

from labkit import losses


def arr(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def fixture():
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(16, 32, generator=generator, dtype=torch.float64)
    noise = torch.randn(16, 32, generator=generator, dtype=torch.float64)
    return image.requires_grad_(), (0.5 * image.detach() + noise).requires_grad_()


def test_official_value_and_gradients():
    image, text = fixture()
    log_scale = torch.tensor(math.log(1 / 0.07), dtype=torch.float64, requires_grad=True)
    loss = losses.clip(image, text, scale=log_scale.exp())
    loss.backward()
    assert loss.item() == approx(0.7110083508, abs=1e-9)
    assert image.grad.norm().item() == approx(0.3156700371, abs=1e-9)
    assert text.grad.norm().item() == approx(0.2911687338, abs=1e-9)
    assert log_scale.grad.item() == approx(-0.0326829523, abs=1e-9)


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def test_against_loops():
    image, text = arr(1, 5, 3), arr(2, 5, 3)
    scores = [[3 * cosine(a, t) for t in text.tolist()] for a in image.tolist()]
    total = 0.0
    for i in range(5):
        for line in (scores[i], [row[i] for row in scores]):
            total += math.log(sum(math.exp(s) for s in line)) - scores[i][i]
    found = losses.clip(image, text, scale=3)
    assert found.item() == approx(total / 10, rel=1e-12)
    made = losses.clip_scores(image, text, scale=3)
    torch.testing.assert_close(made, torch.tensor(scores, dtype=torch.float64))


def test_it_is_info_nce_both_ways():
    image, text = arr(1, 7, 4), arr(2, 7, 4)
    ways = [losses.info_nce(*pair, temperature=0.25) for pair in ((image, text), (text, image))]
    assert losses.clip(image, text, scale=4).item() == approx(sum(ways).item() / 2, rel=1e-12)


@pytest.mark.parametrize("scale", [0.5, 14.3, 100.0])
def test_chance_is_log_b_and_a_simplex_reaches_the_bottom(scale):
    equal = torch.ones(8, 3, dtype=torch.float64)
    assert losses.clip(equal, equal, scale=scale).item() == approx(math.log(8), rel=1e-12)
    simplex = torch.eye(8, dtype=torch.float64) - 1 / 8
    low = math.log1p(7 * math.exp(-scale * 8 / 7))
    assert losses.clip(simplex, simplex, scale=scale).item() == approx(low, abs=1e-12)


def test_lengths_the_order_of_pairs_and_which_is_which_do_not_matter():
    image, text = arr(1, 6, 4), arr(2, 6, 4)
    value = losses.clip(image, text, scale=5).item()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert losses.clip(7 * image, 0.1 * text, scale=5).item() == approx(value, rel=1e-12)
    assert losses.clip(image[order], text[order], scale=5).item() == approx(value, rel=1e-12)
    assert losses.clip(text, image, scale=5).item() == approx(value, rel=1e-12)
    assert losses.clip(image, text[order], scale=5).item() != approx(value, rel=1e-3)


def test_gradients_also_of_the_scale():
    image, text = arr(1, 4, 3).requires_grad_(), arr(2, 4, 3).requires_grad_()
    scale = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *x: losses.clip(*x[:2], scale=x[2]), (image, text, scale)
    )


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_wide_and_zero_embeddings_are_ordinary(kind):
    image, text = (x.detach() for x in fixture())
    half = losses.clip(image.to(kind), text.to(kind), scale=1 / 0.07)
    assert half.dtype == torch.float32 and half.item() == approx(0.711, abs=0.02)
    rounded = losses.clip(image.to(kind).double(), text.to(kind).double(), scale=1 / 0.07)
    assert half.item() == approx(rounded.item(), abs=1e-5)  # only the input was rounded
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert losses.clip(image.float(), text.float(), scale=1 / 0.07).item() == approx(
            0.7110083508, abs=1e-5
        )
    zero = torch.zeros(4, 3, requires_grad=True)
    loss = losses.clip(zero, torch.ones(4, 3), scale=10)
    loss.backward()
    assert loss.item() == approx(math.log(4)) and zero.grad.isfinite().all()


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (0, "scale must be a finite number above 0, got 0"),
        (-1.0, "scale"),
        (math.nan, "scale"),
        ("14", "scale"),
        (torch.tensor(-1.0), "scale"),
        (torch.tensor(math.inf), "scale"),
        (torch.ones(2), r"scale must be a number or one element, got \[2\]"),
    ],
)
def test_a_bad_scale_is_named(scale, message):
    with pytest.raises(ValueError, match=message):
        losses.clip(arr(1, 4, 3), arr(2, 4, 3), scale=scale)


def test_bad_shapes_are_named():
    a = arr(1, 4, 3)
    for image, text, message in (
        (a[:1], a[:1], "image must be .* no negatives"),
        (a, a[0], "text must be"),
        (a, arr(2, 4, 2), r"image \[4, 3\] and text \[4, 2\]"),
        (a, arr(2, 5, 3), "one shape"),
        (a.long(), a, "image must be floating"),
    ):
        with pytest.raises(ValueError, match=message):
            losses.clip(image, text, scale=1)
