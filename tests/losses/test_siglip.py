"""SigLIP: the official numbers, loops, chunks equal to the whole, memory, its bias, bad input."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pytest import approx

from labkit import losses

STATUS = Path("/proc/self/status")


def arr(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def leaves():
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(16, 32, generator=generator, dtype=torch.float64)
    noise = torch.randn(16, 32, generator=generator, dtype=torch.float64)
    return image.requires_grad_(), (0.5 * image.detach() + noise).requires_grad_()


OFFICIAL = [
    (-10.0, 5.5855163781, 0.3945181543, 0.3677619359, -4.3662080637, -0.9879591315),
    (-2.71, 3.3962768074, 0.4569949900, 0.3746913205, 3.9977949012, 2.0459411319),
    (0.0, 16.0868501296, 1.1082306109, 0.8763158818, 8.7051841375, 7.7428003475),
]


@pytest.mark.parametrize("chunk", [None, 1, 3, 5, 16, 40])
@pytest.mark.parametrize("numbers", OFFICIAL)
def test_official_values_and_gradients_whole_and_in_chunks(numbers, chunk):
    start, value, by_image, by_text, by_log_scale, by_bias = numbers
    image, text = leaves()
    log_scale = torch.tensor(math.log(10), dtype=torch.float64, requires_grad=True)
    bias = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    loss = losses.siglip(image, text, scale=log_scale.exp(), bias=bias, chunk=chunk)
    loss.backward()
    assert loss.item() == approx(value, abs=1e-9)
    assert image.grad.norm().item() == approx(by_image, abs=1e-9)
    assert text.grad.norm().item() == approx(by_text, abs=1e-9)
    assert log_scale.grad.item() == approx(by_log_scale, abs=1e-9)
    assert bias.grad.item() == approx(by_bias, abs=1e-9)


@pytest.mark.parametrize("chunk", [None, 2])
def test_against_loops(chunk):
    image, text = arr(1, 5, 3), arr(2, 5, 3)
    total = 0.0
    for i, a in enumerate(image.tolist()):
        for j, t in enumerate(text.tolist()):
            dot = sum(x * y for x, y in zip(a, t, strict=True))
            score = 3 * dot / (math.hypot(*a) * math.hypot(*t)) - 0.7
            total += math.log1p(math.exp(-score if i == j else score))
    found = losses.siglip(image, text, scale=3, bias=-0.7, chunk=chunk)
    assert found.item() == approx(total / 5, rel=1e-12)


@pytest.mark.parametrize("chunk", [1, 4, 5, 12])
def test_chunks_give_the_gradients_of_the_whole_entry_by_entry(chunk):
    found = []
    for size in (None, chunk):
        image, text = arr(1, 13, 6).requires_grad_(), arr(2, 13, 6).requires_grad_()
        losses.siglip(image, text, scale=8, bias=-2, chunk=size).mul(3).backward()
        found.append((image.grad, text.grad))
    for whole, piece in zip(*found, strict=True):
        torch.testing.assert_close(piece, whole, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("bias", [-10.0, -math.log(15), 0.0, 1.0])
def test_value_with_unrelated_embeddings(bias):
    """All cosines 0: one badly classified pair a row at -10; -log(B - 1) is the best constant."""
    image, text = torch.eye(32, dtype=torch.float64).split(16)
    softplus = lambda x: math.log1p(math.exp(x))  # noqa: E731
    loss = lambda b: losses.siglip(image, text, scale=10, bias=b).item()  # noqa: E731
    assert loss(bias) == approx(softplus(-bias) + 15 * softplus(bias), rel=1e-12)
    assert loss(bias) >= loss(-math.log(15)) - 1e-12
    assert loss(0.0) == approx(16 * math.log(2)) and loss(-10.0) == approx(10.0007, abs=1e-4)


def test_the_sum_over_pairs_is_divided_by_b_only():
    """Twice the batch, twice the wrong pairs a row: a mean over pairs would stay as it is."""
    zero = torch.zeros(8, 3, dtype=torch.float64)
    half = losses.siglip(zero[:4], zero[:4], scale=1, bias=0).item()
    assert losses.siglip(zero, zero, scale=1, bias=0).item() == approx(2 * half, rel=1e-12)


def test_lengths_the_order_of_pairs_and_which_is_which_do_not_matter():
    image, text = arr(1, 6, 4), arr(2, 6, 4)
    loss = lambda a, t: losses.siglip(a, t, scale=5, bias=-1, chunk=4).item()  # noqa: E731
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert loss(7 * image, 0.1 * text) == approx(loss(image, text), rel=1e-12)
    assert loss(image[order], text[order]) == approx(loss(image, text), rel=1e-12)
    assert loss(text, image) == approx(loss(image, text), rel=1e-12)
    assert loss(image, text[order]) != approx(loss(image, text), rel=1e-3)


@pytest.mark.parametrize("chunk", [None, 3])
def test_gradients(chunk):
    image, text = arr(1, 4, 3).requires_grad_(), arr(2, 4, 3).requires_grad_()
    scale, bias = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (2.0, -0.5))
    siglip = lambda a, t, s, b: losses.siglip(a, t, scale=s, bias=b, chunk=chunk)  # noqa: E731
    assert torch.autograd.gradcheck(siglip, (image, text, scale, bias))


def test_a_well_placed_scale_of_released_weights_is_finite():
    """Scores far beyond 88, where a float32 exponential ends."""
    image = torch.eye(4, 8, requires_grad=True)
    loss = losses.siglip(image, torch.eye(4, 8), scale=1000.0, bias=-500.0)
    loss.backward()
    assert loss.item() == approx(0, abs=1e-6) and image.grad.isfinite().all()
    wrong = losses.siglip(image, torch.eye(4, 8).roll(1, 0), scale=1000.0, bias=-500.0)
    assert wrong.item() == approx(1000.0)  # one right pair at -500 and one wrong at 500 in a row


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_wide(kind):
    image, text = (x.detach().to(kind) for x in leaves())
    rounded = losses.siglip(image.double(), text.double(), scale=10, bias=-10)
    for chunk in (None, 6):
        half = losses.siglip(image, text, scale=10, bias=-10, chunk=chunk)
        assert half.dtype == torch.float32 and half.item() == approx(rounded.item(), rel=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = losses.siglip(image.float(), text.float(), scale=10, bias=-10, chunk=6)
    assert cast.item() == approx(rounded.item(), rel=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="the system does not tell a process its own peak")
def test_a_batch_of_8192_in_chunks_stays_below_a_gigabyte():
    """The peak of the whole process, forward and backward; one matrix of scores has 268 MB."""
    code = f"""
import pathlib, torch
from labkit import losses
def peak():
    lines = pathlib.Path("{STATUS}").read_text().splitlines()
    return next(int(x.split()[1]) / 1e3 for x in lines if x.startswith("VmHWM"))
torch.set_num_threads(1)
before = peak()
g = torch.Generator().manual_seed(0)
image, text = (torch.randn(8192, 64, generator=g).requires_grad_() for _ in range(2))
losses.siglip(image, text, scale=10.0, bias=-10.0, chunk=256).backward()
assert image.grad.isfinite().all() and text.grad.norm() > 0
print(before, peak())
"""
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = map(float, ran.stdout.split())
    assert after < 1000 and after - before < 268


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"scale": 0}, "scale"),
        ({"bias": math.nan}, "bias must be a finite number"),
        ({"bias": torch.tensor(math.inf)}, "bias"),
        ({"bias": torch.zeros(3)}, r"bias must be a number or one element, got \[3\]"),
        ({"bias": "0"}, "bias"),
        ({"chunk": 0}, "chunk must be a whole number of at least 1"),
        ({"chunk": 2.5}, "chunk"),
    ],
)
def test_bad_input_is_named(more, message):
    with pytest.raises(ValueError, match=message):
        losses.siglip(arr(1, 4, 3), arr(2, 4, 3), **{"scale": 10, "bias": -10} | more)


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match="B >= 2"):
        losses.siglip(arr(1, 1, 3), arr(2, 1, 3), scale=1, bias=0)
    with pytest.raises(ValueError, match="one shape"):
        losses.siglip(arr(1, 4, 3), arr(2, 4, 2), scale=1, bias=0)
