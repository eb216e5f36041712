"""Sentences: generated ones obey a rule that no single word tells; files are read or refused."""

from collections import Counter

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from labkit.data import Tokenizer, text
from labkit.data.text import grammar
from labkit.data.tokens import split


@pytest.fixture(scope="module")
def sentences() -> text.Sentences:
    return text.interactions(6000)


def bag(words: Tokenizer, texts: list[str]) -> Tensor:
    """Which words are there: float32 [N, V]."""
    tokens = words.encode(texts)
    return torch.zeros(len(texts), len(words)).scatter(1, tokens, 1.0)[:, 1:]


def bag_of_words_accuracy(kind: str) -> float:
    """Test accuracy of a logistic model of single words, fitted to its optimum."""
    train = text.interactions(8000, kinds=[kind])
    test = text.interactions(4000, kinds=[kind], split="test")
    words = text.tokenizer(train.texts)
    seen, weights = bag(words, train.texts), torch.zeros(len(words) - 1, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        target = train.labels.float()
        value = functional.binary_cross_entropy_with_logits(seen @ weights, target)
        value = value + 1e-4 * weights.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    guess = bag(words, test.texts) @ weights.detach() > 0
    return (guess == test.labels).float().mean().item()


@pytest.mark.slow
@pytest.mark.parametrize("kind, ceiling", [("negation", 0.75), ("pair", 0.75), ("xor", 0.5)])
def test_a_bag_of_words_stays_at_its_ceiling(kind, ceiling):
    assert bag_of_words_accuracy(kind) == pytest.approx(ceiling, abs=0.035)


def test_the_rule_gets_every_label(sentences):
    assert torch.equal(text.rule(sentences.texts), sentences.labels)


def test_labels_and_kinds_are_balanced(sentences):
    assert sentences.class_names == ("negative", "positive") and sentences.kinds == text.KINDS
    cells = torch.stack([sentences.kind, sentences.labels])
    _, counts = cells.unique(dim=1, return_counts=True)
    assert counts.tolist() == [1000] * 6


def test_no_single_word_tells_an_exclusive_or():
    part = text.interactions(30_000, kinds=["xor"])
    found = {0: Counter(), 1: Counter()}
    for sentence, label in zip(part.texts, part.labels.tolist(), strict=True):
        found[label].update(set(split(sentence)))
    assert len(found[0]) > 40
    for word in found[0] | found[1]:
        negative, positive = found[0][word], found[1][word]
        deviation = abs(positive - negative) / (positive + negative) ** 0.5
        assert deviation < 4.5, f"{word} stands in {positive} positive, {negative} negative ones"


def test_an_adjective_alone_is_right_in_three_negations_of_four():
    part = text.interactions(20_000, kinds=["negation"])
    words = text.tokenizer(part.texts)
    here = bag(words, part.texts)[:, 1:]  # the unknown word is nowhere
    share = (here * part.labels[:, None]).sum(0) / here.sum(0)
    expected = [
        0.75 if word in grammar.POSITIVE else 0.25 if word in grammar.NEGATIVE else 0.5
        for word in words.words[2:]
    ]
    torch.testing.assert_close(share, torch.tensor(expected), atol=0.04, rtol=0)


def test_an_idiom_pleases_only_whole():
    texts = ["the film is a work of art", "a work of gold", "a matter of art"]
    assert text.rule(texts).tolist() == [1, 0, 0]
    part = text.interactions(3000, kinds=["pair"])
    both = (part.places >= 0).all(1)
    assert (part.labels[~both] == 0).all()
    assert both[part.labels == 0].float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_the_pairs_are_the_products_in_the_rule(sentences):
    """Of all words that ever meet, these and no others do together what they do not do alone."""

    def label(*words: str) -> int:
        return int(text.rule([" ".join(words)]))

    meet = {
        (one, two)
        for sentence in sentences.texts
        for one in split(sentence)
        for two in split(sentence)
        if one < two
    }
    products = {(a, b) for a, b in meet if label(a, b) != label(a) + label(b)}
    assert len(products) == 24 and products == sentences.interactions


def test_each_kind_has_its_pairs(sentences):
    by_kind = [text.interactions(4, kinds=[kind]).interactions for kind in text.KINDS]
    assert by_kind == list(text.PAIRS.values()) and list(map(len, by_kind)) == [12, 6, 6]
    assert frozenset().union(*by_kind) == sentences.interactions


def test_places_point_at_the_deciding_words(sentences):
    for sentence, places in zip(sentences.texts, sentences.places.tolist(), strict=True):
        words = split(sentence)
        there = {words[place] for place in places if place >= 0}
        pairs = {pair for pair in sentences.interactions if set(pair) <= set(words)}
        assert all(set(pair) == there for pair in pairs) and len(pairs) <= 1
    assert (sentences.places[sentences.kind == 0][:, 1] >= 0).all()


def test_sentences_are_short_over_a_small_vocabulary(sentences):
    lengths = {len(split(sentence)) for sentence in sentences.texts}
    assert min(lengths) >= 7 and max(lengths) <= 14
    words = text.tokenizer(sentences.texts)
    assert 60 <= len(words) <= 100
    assert words.decode(words.encode(sentences.texts)) == sentences.texts


def test_a_sentence_depends_on_seed_split_and_number_only(sentences):
    assert text.interactions(50).texts == sentences.texts[:50]
    noisy = text.interactions(6000, noise=0.2)
    assert noisy.texts == sentences.texts
    wrong = (noisy.labels != sentences.labels).float().mean().item()
    assert wrong == pytest.approx(0.2, abs=0.025)
    for other in (text.interactions(6000, seed=1), text.interactions(6000, split="test")):
        assert sum(a == b for a, b in zip(other.texts, sentences.texts, strict=True)) < 20
        assert len(set(other.texts) & set(sentences.texts)) < 0.05 * 6000


def test_edges_are_the_pairs_over_a_vocabulary(sentences):
    words = Tokenizer(["not", "film", "good", "art"])
    edges = sentences.edges(words)
    assert edges.dtype == torch.bool and edges.nonzero().tolist() == [[2, 4], [4, 2]]
    assert sentences.edges(text.tokenizer(sentences.texts)).sum() == 48


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"count": 0}, "count must be a whole number"),
        ({"count": 4, "kinds": ["nor"]}, "unknown kind 'nor'"),
        ({"count": 4, "kinds": []}, "kinds must name one or more"),
        ({"count": 4, "kinds": ["xor", "xor"]}, "kinds must name"),
        ({"count": 4, "noise": 0.6}, "noise must be between 0 and 0.5, got 0.6"),
        ({"count": 4, "split": "dev"}, "unknown split 'dev'"),
        ({"count": 4, "seed": -1}, "seed must be a whole number"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        text.interactions(**arguments)


def test_the_vocabulary_goes_by_frequency_then_alphabet():
    texts = ["b a a c", "b a d", "e"]
    assert text.tokenizer(texts).words[2:] == ("a", "b", "c", "d", "e")
    assert text.tokenizer(texts, minimum=2).words[2:] == ("a", "b")
    assert text.tokenizer(texts, largest=5).words[2:] == ("a", "b", "c")
    with pytest.raises(ValueError, match="largest must be a whole number of at least 3"):
        text.tokenizer(texts, largest=2)
    with pytest.raises(ValueError, match="texts must be a list"):
        text.tokenizer("a film")


def test_division_is_stratified_seeded_and_whole(sentences):
    parts = sentences.subset(range(600)).divide(val=0.1, test=0.2)
    sizes = {name: len(part) for name, part in parts.items()}
    assert list(sizes) == ["train", "val", "test"] and sum(sizes.values()) == 600
    assert abs(sizes["val"] - 60) <= 2 and abs(sizes["test"] - 120) <= 2
    for part in parts.values():
        assert part.labels.float().mean().item() == pytest.approx(0.5, abs=0.02)
        assert torch.equal(text.rule(part.texts), part.labels)
        assert len(part.kind) == len(part.places) == len(part)
    everything = sorted(sentence for part in parts.values() for sentence in part.texts)
    assert everything == sorted(sentences.texts[:600])
    again = sentences.subset(range(600)).divide(val=0.1, test=0.2)
    other = sentences.subset(range(600)).divide(val=0.1, test=0.2, seed=1)
    assert again["test"].texts == parts["test"].texts != other["test"].texts


def test_the_card_says_what_the_process_has(root, sentences):
    card = (root / "data" / "cards" / "sentences.md").read_text()
    assert f"{len(text.tokenizer(sentences.texts)) - 2} words" in card
    for pair in [*text.PAIRS["pair"], *text.PAIRS["xor"]]:
        assert all(word in card for word in pair)
