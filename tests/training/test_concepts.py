"""The bridge to pictures: the rule, the balance that defeats a sum, detectors, and the layer."""

import pytest
import torch

from labkit import data
from labkit.data.motif import COLOURS, SHAPES
from labkit.training import concepts


def has(sentences, word):
    return torch.tensor([word in text.split() for text in sentences.texts])


def test_labels_follow_the_rule_and_quarters_are_balanced():
    found = concepts.pictures(400, noise=0)
    star, striped, red = (has(found, word) for word in ("star", "striped", "red"))
    assert torch.equal(found.labels.bool(), (star & striped) ^ red)
    for both in (0, 1):
        for colour in (0, 1):
            assert ((star & striped) == both).logical_and(red == colour).sum() == 100
    assert (star ^ striped).any()  # each comes alone, too
    assert set(found.interactions) == set(concepts.RULE)


def test_a_picture_has_one_of_each_and_pictures_are_those_of_the_data_set():
    found = concepts.pictures(100, noise=0)
    groups = [concepts.WORDS[a:b] for a, b in ((0, 18), (18, 23), (23, 43), (43, 45), (45, 47))]
    assert len(concepts.WORDS) == 47 and data.Tokenizer(concepts.WORDS).words[2] == "disc"
    for text in found.texts:
        words = text.split()
        assert [sum(word in group for word in words) for group in groups] == [1] * 5
    own = data.motif.render(200)
    true = concepts._true(0, 0)
    rows = {word: true[:200, n] for n, word in enumerate(concepts.WORDS)}
    assert torch.equal(rows["red"], own.factors["color"] == COLOURS.index("red"))
    stars = torch.tensor([n for n, name in enumerate(SHAPES) if "star" in name])
    assert torch.equal(rows["star"], torch.isin(own.factors["shape"], stars))
    assert torch.equal(rows["striped"], own.factors["texture"] == 1)


def test_no_sum_of_one_number_a_concept_is_right_for_more_than_three_quarters():
    """All signs and sizes of three weights and a bias, on the eight cells by their shares."""
    bits = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)
    both, red = bits[:, 0] * bits[:, 1] > 0, bits[:, 2] > 0
    share = torch.where(both, 1 / 4, 1 / 12)
    weights = torch.cartesian_prod(*[torch.linspace(-2, 2, 9)] * 4)
    says = weights[:, :3] @ bits.T + weights[:, 3:] > 0  # [weights, cells]
    right = ((says == (both ^ red)) * share).sum(1)
    assert right.max().item() == pytest.approx(concepts.CEILING)


def test_noise_splits_and_seeds():
    clean, noisy = (concepts.pictures(500, noise=n) for n in (0, 0.1))
    assert torch.equal(clean.labels, noisy.labels)
    words = [len(s.split()) for s in noisy.texts]
    assert sum(words) / 500 == pytest.approx(5 * 0.9 + 42 * 0.1, rel=0.05)
    assert concepts.pictures(20).texts == concepts.pictures(20).texts
    assert concepts.pictures(20).texts != concepts.pictures(20, seed=1).texts
    assert concepts.pictures(20).texts != concepts.pictures(20, split="test").texts
    for bad, name in (({"count": 0}, "count"), ({"split": "dev"}, "split"),
                      ({"noise": 0.6}, "noise"), ({"seed": -1}, "seed")):  # fmt: skip
        with pytest.raises(ValueError, match=name):
            concepts.pictures(**{"count": 4} | bad)


@pytest.mark.slow
def test_only_the_layer_learns_the_rule():
    alone = concepts.learn(layer=False, count=400, epochs=4)
    assert alone.accuracy < concepts.CEILING - 0.1  # least cross-entropy is chance
    with pytest.raises(ValueError, match="graph"):
        concepts.found(alone)
    joined = concepts.learn()
    assert joined.accuracy > 0.85
    names, p = concepts.found(joined, 12)
    assert len(set(names)) == 12 and p.shape == (12, 12)
    assert [names.index(word) for word in ("star", "striped", "red")] == [0, 4, 8]
    strengths = p.maximum(p.T)
    rule = [strengths[names.index(a), names.index(b)].item() for a, b in concepts.RULE]
    assert sum(strength > 0.5 for strength in rule) >= 2  # the three words meet
    whole = joined.model.graph.probabilities()
    assert whole[concepts.WORDS.index("red"), concepts.WORDS.index("star")] == p[8, 0]
    everything, all_p = concepts.found(joined, 47)  # two colours meet by mistake alone
    assert all_p[everything.index("teal"), everything.index("lime")] == 0
    with pytest.raises(ValueError, match="count"):
        concepts.found(joined, 2)
