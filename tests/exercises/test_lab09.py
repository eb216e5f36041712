"""The reference answers of lab 09, and the usual ways to write them."""

import math

import pytest
import torch
import torch.nn.functional as F

from labkit.exercises import lab09


def unit(x):
    return x / x.norm(dim=1, keepdim=True)


def test_ways_to_write_the_clip_loss():
    def by_softmax(image, text, scale):
        t = scale * unit(image) @ unit(text).T
        return -(t.log_softmax(0).diagonal() + t.log_softmax(1).diagonal()).mean() / 2

    def by_exp(image, text, scale):
        e = (scale * F.cosine_similarity(image[:, None], text[None], dim=2)).exp()
        return -(e.diagonal() / (e.sum(0) * e.sum(1)).sqrt()).log().mean()

    assert lab09.clip.check(by_softmax).state == "correct"
    assert lab09.clip.check(by_exp).state == "correct"
    rows = lab09.clip.check(
        lambda x, y, s: -(s * unit(x) @ unit(y).T).log_softmax(1).diagonal().mean()
    )
    assert "only the rows" in rows.message
    raw = lab09.clip.check(lambda x, y, s: by_softmax_of(s * x @ y.T))
    assert "not normalised" in raw.message
    tau = lab09.clip.check(lambda x, y, s: by_softmax(x, y, 1 / s))
    assert "divided by the scale" in tau.message


def by_softmax_of(t):
    return -(t.log_softmax(0) + t.log_softmax(1)).diagonal().mean() / 2


def test_ways_to_write_the_siglip_loss():
    def by_logsigmoid(image, text, scale, bias):
        t = scale * unit(image) @ unit(text).T + bias
        z = 2 * torch.eye(len(t), dtype=t.dtype) - 1
        return -F.logsigmoid(z * t).sum() / len(t)

    def by_bce(image, text, scale, bias, reduction="sum"):
        t = scale * unit(image) @ unit(text).T + bias
        target = torch.eye(len(t), dtype=t.dtype)
        return F.binary_cross_entropy_with_logits(t, target, reduction=reduction) / (
            len(t) if reduction == "sum" else 1
        )

    assert lab09.siglip.check(by_logsigmoid).state == "correct"
    assert lab09.siglip.check(by_bce).state == "correct"
    mean = lab09.siglip.check(lambda *a: by_bce(*a, reduction="mean"))
    assert "mean over all B x B pairs" in mean.message
    minus = lab09.siglip.check(lambda x, y, s, b: by_logsigmoid(x, y, s, -b))
    assert "bias has the wrong sign" in minus.message
    inside = lab09.siglip.check(lambda x, y, s, b: by_logsigmoid(x, y, s, s * b))
    assert "multiplies the bias, too" in inside.message
    turned = lab09.siglip.check(
        lambda x, y, s, b: (
            -F.logsigmoid(
                (1 - 2 * torch.eye(len(x), dtype=x.dtype)) * (s * unit(x) @ unit(y).T + b)
            ).sum()
            / len(x)
        )
    )
    assert "signs are turned" in turned.message


def test_ways_to_write_the_clip_lite_loss():
    def by_rolls(image, text, scale, k, rolls=None, step=-1):
        x, y = unit(image), unit(text)
        own = F.softplus(-scale * (x * y).sum(1)).mean()
        rolls = range(1, k + 1) if rolls is None else rolls
        paid = [F.softplus(scale * (x * y.roll(step * n, 0)).sum(1)).mean() for n in rolls]
        return own + sum(paid) / len(paid)

    def by_logs(image, text, scale, k):
        t = (scale * unit(image) @ unit(text).T).sigmoid()
        own = torch.arange(len(t))
        wrong = [(1 - t[own, (own + n) % len(t)]).log().mean() for n in range(1, k + 1)]
        return -t.diagonal().log().mean() - torch.stack(wrong).mean()

    check = lab09.clip_lite.check
    assert check(by_rolls).state == "correct"
    assert check(by_logs).state == "correct"
    itself = check(lambda x, y, s, k: by_rolls(x, y, s, k, range(k)))
    assert "hold the pair itself" in itself.message
    summed = check(
        lambda x, y, s, k: (
            k * by_rolls(x, y, s, k) - (k - 1) * F.softplus(-s * (unit(x) * unit(y)).sum(1)).mean()
        )
    )
    assert "added up" in summed.message
    before = check(lambda x, y, s, k: by_rolls(x, y, s, k, step=1))
    assert "text.roll(-k, 0)" in before.message
    far = check(lambda x, y, s, k: by_rolls(x, y, s, k, [k]))
    assert "rolled by K only" in far.message
    plus = check(lambda *a: -by_logs(*a))
    assert "minus that" in plus.message


def test_ways_to_write_the_floor():
    def by_comb(batch, classes):
        n, p = batch - 1, 1 / classes
        return sum(
            math.comb(n, m) * p**m * (1 - p) ** (n - m) * math.log(1 + m) for m in range(batch)
        )

    check = lab09.floor.check
    assert check(by_comb).state == "correct"
    assert check(lambda b, c: torch.tensor(by_comb(b, c))).state == "correct"
    inside = check(lambda b, c: math.log(1 + (b - 1) / c))
    assert "the mean of a logarithm" in inside.message
    limit = check(lambda b, c: math.log(b / c))
    assert "large batches" in limit.message
    read = check(lambda b, c: math.log(b) - by_comb(b, c))
    assert "read out in nats" in read.message
    every = check(lambda b, c: by_comb(b + 1, c))
    assert "not all B" in every.message


@pytest.mark.parametrize("exercise", lab09.EXERCISES, ids=lambda e: e.name)
def test_no_mistake_is_right_and_each_is_named(exercise):
    assert exercise.check(exercise.reference).state == "correct"
    assert len(exercise.mistakes) >= 4
    for message, mistake in exercise.mistakes.items():
        assert exercise.check(mistake).message == message
