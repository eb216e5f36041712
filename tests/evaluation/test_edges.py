"""Edges by their words, and their average precision, against hand counts and enumeration."""

import itertools
import math

import pytest
import torch

from labkit import data, evaluation, models
from labkit.data import text


def plain_average_precision(truth_in_order):
    """Without ties: the precision at each true one, averaged."""
    hits = [rank for rank, true in enumerate(truth_in_order, 1) if true]
    return sum(found / rank for found, rank in enumerate(hits, 1)) / len(hits)


def test_average_precision_by_hand():
    strengths, truth = torch.tensor([0.1, 0.9, 0.4, 0.7]), torch.tensor([1, 0, 0, 1]).bool()
    assert evaluation.average_precision(strengths, truth) == pytest.approx((1 / 2 + 2 / 4) / 2)
    draw = torch.Generator().manual_seed(0)
    for _ in range(20):
        strengths = torch.randperm(12, generator=draw).float()
        truth = torch.rand(12, generator=draw) < 0.4
        truth[0] = True
        order = truth[strengths.argsort(descending=True)].tolist()
        expected = plain_average_precision(order)
        assert evaluation.average_precision(strengths, truth) == pytest.approx(expected)


def test_equal_strengths_score_the_share_of_true_ones_whatever_their_order():
    for truth in ([1, 0, 0, 0], [0, 0, 0, 1]):
        found = evaluation.average_precision(torch.full((4,), 0.5), torch.tensor(truth).bool())
        assert found == pytest.approx(0.25)
    lowest = torch.tensor([-torch.inf, 0.0, -torch.inf])
    assert evaluation.average_precision(lowest, torch.tensor([1, 0, 0]).bool()) == approx(1 / 3)


def approx(value):
    return pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(("count", "true"), [(1, 1), (4, 1), (5, 2), (6, 3), (4, 4)])
def test_random_precision_is_the_mean_over_all_orders(count, true):
    orders = itertools.combinations(range(count), true)
    every = [plain_average_precision([place in chosen for place in range(count)])
             for chosen in orders]  # fmt: skip
    assert evaluation.random_precision(count, true) == approx(sum(every) / len(every))


def test_co_occurrence_and_pmi_by_hand():
    tokens = torch.tensor([[2, 3, 2, 0], [2, 3, 4, 0], [4, 0, 0, 0], [2, 5, 0, 0]])
    counts = evaluation.co_occurrence(tokens, 6)
    assert counts.equal(counts.T) and counts[0].sum() == 0 and counts[1].sum() == 0
    assert counts.diagonal().tolist() == [0, 0, 3, 2, 2, 1]  # a repeated word counts once
    assert (counts[2, 3], counts[2, 4], counts[3, 4], counts[4, 5]) == (2, 1, 1, 0)
    nats = evaluation.pmi(counts, 4)
    assert nats[2, 3].item() == pytest.approx(math.log(2 * 4 / (3 * 2)))
    assert nats[3, 4].item() == approx(0)  # 1/4 = 1/2 x 1/2
    assert nats[4, 5] == -torch.inf
    many = torch.randint(2, 30, (2500, 4), generator=torch.Generator().manual_seed(0))
    pairs = sum((row == 7).any() and (row == 9).any() for row in many)
    assert evaluation.co_occurrence(many, 30)[7, 9] == pairs  # in several parts


def small():
    words = data.Tokenizer(["cat", "dog", "bird", "fish"])
    return words, models.WIGRAPH(len(words), 3, subset=[5, 2, 3], activation="none")


def test_row_told_column_telling_as_the_layer_sends():
    """Trap 4: the edge that is named is the edge along which the message runs."""
    words, graph = small()
    with torch.no_grad():
        graph.logits.fill_(-40)
        graph.logits[2, 1] = 40  # of the subset fish, cat, dog: cat tells dog
    edges = evaluation.word_edges(graph, words, ["cat", "dog", "fish"])
    assert edges[1, 0] == 1 and edges.sum() == pytest.approx(1)
    first = evaluation.strongest_edges(graph, words, 1)
    assert first == [evaluation.Edge("cat", "dog", 1.0)]
    graph.eval()
    x, tokens = torch.zeros(1, 2, 3), words.encode(["cat dog"])
    x[0, 0] = 1  # the cat has something to say
    z = graph(x, tokens).z
    assert z[0, 1].abs().sum() > 0.5
    x = x.flip(1)  # the dog has
    assert graph(x, tokens).z[0, 0].abs().sum() < 1e-6


def test_strongest_edges_leave_out_what_was_never_seen_together():
    words, graph = small()
    with torch.no_grad():
        graph.logits.copy_(torch.tensor([[9.0, 1, 2], [3, 9, 4], [5, 6, 9]]))
    names = [(e.telling, e.told) for e in evaluation.strongest_edges(graph, words, 3)]
    assert names == [("cat", "dog"), ("fish", "dog"), ("dog", "cat")]  # not with themselves
    seen = evaluation.co_occurrence(words.encode(["cat fish bird"]), len(words))
    names = [(e.telling, e.told) for e in evaluation.strongest_edges(graph, words, seen=seen)]
    assert names == [("fish", "cat"), ("cat", "fish")]


def generated():
    sentences = text.interactions(300, kinds=["xor"])
    words = text.tokenizer(sentences.texts)
    return sentences, words, models.WIGRAPH(len(words), 4)


def test_the_edge_precision_of_graphs_whose_edges_are_known():
    sentences, words, graph = generated()
    start = evaluation.edge_precision(graph, sentences, words)
    assert start.true == 6 and start.found == pytest.approx(6 / start.pairs)
    assert start.random == approx(evaluation.random_precision(start.pairs, 6))
    with torch.no_grad():
        for first, second in sentences.interactions:  # one direction is enough
            graph.logits[words.number(first) - 1, words.number(second) - 1] = 1
    assert evaluation.edge_precision(graph, sentences, words).found == 1
    with torch.no_grad():
        graph.logits.neg_()  # the other direction, still at 1/2, is as strong as the others
    assert evaluation.edge_precision(graph, sentences, words).found == approx(6 / start.pairs)


@pytest.mark.parametrize("symmetric", [False, True])
def test_certain_edges_still_have_an_order(symmetric):
    """Above a logit of 17 probabilities are 1 in float32, and all would be as strong."""
    sentences, words, _ = generated()
    graph = models.WIGRAPH(len(words), 4, symmetric=symmetric)
    with torch.no_grad():
        graph.logits.fill_(30)
        for pair in sentences.interactions:
            first, second = (words.number(word) - 1 for word in pair)
            graph.logits[first, second] = 50  # with `symmetric` the mean of the two is 40
    assert evaluation.edge_precision(graph, sentences, words).found == 1
    first = evaluation.strongest_edges(graph, words, 6)
    told = {tuple(sorted(edge[:2])) for edge in first}
    assert told <= sentences.interactions and len(told) == (3 if symmetric else 6)


def test_pairs_never_seen_together_are_not_asked_about():
    """Their edges stay at 1/2, above those that sparsity prunes."""
    sentences, words, graph = generated()
    counts = evaluation.co_occurrence(words.encode(sentences.texts), len(words))
    never = (counts == 0)[1:, 1:]
    with torch.no_grad():
        graph.logits[never] = 9
        graph.logits[sentences.edges(words)[1:, 1:]] = 1
    assert evaluation.edge_precision(graph, sentences, words).found == 1
    asked = (counts > 0).triu(1)[2:, 2:].sum()
    assert evaluation.edge_precision(graph, sentences, words).pairs == asked


def test_pmi_as_a_baseline_by_hand():
    sentences, words, graph = generated()
    found = evaluation.edge_precision(graph, sentences, words)
    tokens, truth = words.encode(sentences.texts), sentences.edges(words)
    strengths, true = [], []
    for i, j in itertools.combinations(range(2, len(words)), 2):
        has = [(tokens == word).any(1) for word in (i, j)]
        both = (has[0] & has[1]).sum().item()
        if both:
            strengths.append(math.log(both * 300 / has[0].sum().item() / has[1].sum().item()))
            true.append(truth[i, j].item())
    rounded = (torch.tensor(strengths, dtype=torch.float64) * 1e9).round()
    expected = evaluation.average_precision(rounded, torch.tensor(true))
    assert evaluation.edge_precision(graph, sentences, words, tokens=tokens) == found
    assert found.pmi == pytest.approx(expected, abs=0.02)  # ties may break by rounding


def test_bad_arguments():
    words, graph = small()
    with pytest.raises(ValueError, match="without edges: 'bird', 'cow'"):
        evaluation.word_edges(graph, words, ["cat", "bird", "cow"])
    with pytest.raises(ValueError, match="list of one or more words"):
        evaluation.word_edges(graph, words, "cat")
    with pytest.raises(ValueError, match="one vocabulary"):
        evaluation.word_edges(graph, data.Tokenizer(["cat"]), ["cat"])
    with pytest.raises(ValueError, match="seen must be"):
        evaluation.strongest_edges(graph, words, seen=torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"tokens must be 0\.\.2, got 3\.\.3"):
        evaluation.co_occurrence(torch.full((1, 2), 3), 3)
    with pytest.raises(ValueError, match="truth must have a True"):
        evaluation.average_precision(torch.ones(2), torch.zeros(2).bool())
    with pytest.raises(ValueError, match="without nan"):
        evaluation.average_precision(torch.full((2,), torch.nan), torch.ones(2).bool())
    with pytest.raises(ValueError, match="at most count"):
        evaluation.random_precision(2, 3)
    sentences, tokens, large = generated()
    bare = text.Sentences(sentences.texts, sentences.labels, sentences.class_names)
    with pytest.raises(ValueError, match="generated ones"):
        evaluation.edge_precision(large, bare, tokens)
    with pytest.raises(ValueError, match="of the 300 sentences, got 2"):
        evaluation.edge_precision(large, sentences, tokens, tokens=torch.ones(2, 3).long())
    few = models.WIGRAPH(len(tokens), 4, subset=[2, 3])
    with pytest.raises(ValueError, match="no true pair"):
        evaluation.edge_precision(few, sentences, tokens)
