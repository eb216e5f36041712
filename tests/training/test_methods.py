"""Controls take away what they say and keep the rest."""

import math

import torch
from pytest import approx, mark

from labkit.training.methods import shuffle_wrong, smoothing_of_entropy


def logits_and_labels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 12, generator=generator)
    return logits, torch.randint(12, (50,), generator=generator)


def test_shuffling_keeps_the_label_and_the_set_of_wrong_logits():
    logits, labels = logits_and_labels()
    mixed = shuffle_wrong(logits, labels, torch.Generator().manual_seed(1))
    rows = torch.arange(50)
    assert torch.equal(mixed[rows, labels], logits[rows, labels])
    assert torch.equal(mixed.sort(1).values, logits.sort(1).values)
    assert (mixed != logits).float().mean() > 0.7


def test_shuffling_is_even():
    """Over many draws a wrong logit lands on every wrong class equally often."""
    logits = torch.zeros(6000, 4)
    logits[:, 2] = 1.0
    labels = torch.ones(6000, dtype=torch.long)
    mixed = shuffle_wrong(logits, labels, torch.Generator().manual_seed(2))
    share = mixed.mean(0)
    assert share[1] == 0
    assert torch.allclose(share[[0, 2, 3]], torch.full((3,), 1 / 3), atol=0.03)


@mark.parametrize("classes", [2, 10, 100])
@mark.parametrize("share", [0.1, 0.5, 0.95])
def test_smoothing_has_the_entropy_asked_for(classes, share):
    entropy = share * math.log(classes)
    epsilon = smoothing_of_entropy(entropy, classes)
    p = [1 - epsilon] + [epsilon / (classes - 1)] * (classes - 1)
    assert -sum(x * math.log(x) for x in p) == approx(entropy, rel=1e-6)
    assert 0 < epsilon < 1
