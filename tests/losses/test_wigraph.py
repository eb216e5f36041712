"""WIGRAPH's terms: loops, the published scale, padding and the subset, limits, gradients."""

import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from labkit import losses, models

LOG2 = math.log(2)


def batch(*, seed=0, spread=2.0, length=5, with_words=True):
    """Three sentences of 5, 3 and 1 words, one of them outside the subset, and two classes."""
    g = torch.Generator().manual_seed(seed)
    words = torch.arange(length) < torch.tensor([5, 3, 1])[:, None]
    words[0, 2] = False
    pairs = words[:, :, None] & words[:, None, :] & ~torch.eye(length, dtype=torch.bool)
    edges = spread * torch.randn(3, length, length, generator=g, dtype=torch.float64)
    kept = spread * torch.randn(3, length, generator=g, dtype=torch.float64)
    graph = SimpleNamespace(
        edge_logits=edges, pairs=pairs, word_logits=kept if with_words else None, words=words
    )
    return torch.randn(3, 2, generator=g, dtype=torch.float64), torch.tensor([0, 1, 1]), graph


def by_loops(logits, labels, graph, published):
    """Prediction, mask, graph and sparsity, one number after the other."""
    prediction, mask, kl, sparsity = 0.0, 0.0, 0.0, 0.0
    count, length = graph.words.shape

    def entropy_less(gamma):
        p = 1 / (1 + math.exp(-gamma))
        least = p * math.log(p) + (1 - p) * math.log(1 - p)
        return least if published else least + LOG2

    for b in range(count):
        row = logits[b].tolist()
        prediction -= math.log(math.exp(row[labels[b]]) / sum(map(math.exp, row))) / count
        places = [i for i in range(length) if graph.words[b, i]]
        pairs = [(i, j) for i in places for j in places if i != j]
        part = 0.5 if published else 1 / count
        for i, j in pairs:
            gamma = graph.edge_logits[b, i, j].item()
            kl += part * entropy_less(gamma) / len(pairs)
            sparsity += part / (1 + math.exp(-gamma)) / len(pairs)
        for i in places:
            mask += part * entropy_less(graph.word_logits[b, i].item()) / len(places)
    return prediction, mask, kl, sparsity


@pytest.mark.parametrize("normalisation", ["real", "published"])
def test_against_loops(normalisation):
    given = batch()
    terms = losses.wigraph_terms(*given, normalisation=normalisation)
    expected = by_loops(*given, published=normalisation == "published")
    assert [term.item() for term in terms] == pytest.approx(expected, rel=1e-12)


def test_published_values_at_the_start():
    """The code's own, four sentences of two classes: graph -1.38629472 and sparsity 1.0."""
    layer = models.WIGRAPH(50, 16, subset=range(1, 31), word_mask=True)
    with torch.no_grad():
        layer.mask[2].weight.zero_()
        layer.mask[2].bias.zero_()
    tokens = torch.randint(1, 31, (4, 12), generator=torch.Generator().manual_seed(0))
    tokens[2, 7:] = 0
    graph = layer(torch.randn(4, 12, 16), tokens)
    labels = torch.tensor([0, 1, 0, 1])
    terms = losses.wigraph_terms(torch.zeros(4, 2), labels, graph, normalisation="published")
    assert [term.item() for term in terms] == pytest.approx([LOG2, -2 * LOG2, -2 * LOG2, 1])
    assert terms.graph.item() == pytest.approx(-1.38629472, abs=1e-6)
    ours = losses.wigraph_terms(torch.zeros(4, 2), labels, graph)
    assert [term.item() for term in ours] == pytest.approx([LOG2, 0, 0, 0.5], abs=1e-6)


def test_published_is_half_the_batch_times_ours():
    given = batch()
    published = losses.wigraph_terms(*given, normalisation="published")
    ours = losses.wigraph_terms(*given)
    assert published.prediction == ours.prediction
    assert published.sparsity.item() == pytest.approx(1.5 * ours.sparsity.item(), rel=1e-12)
    assert published.mask.item() == pytest.approx(1.5 * (ours.mask.item() - LOG2), rel=1e-12)
    two_of_three = LOG2 * 2 / 3  # the third sentence has one word, hence no pair: 0 in both
    assert published.graph.item() == pytest.approx(1.5 * (ours.graph.item() - two_of_three))


@pytest.mark.parametrize("normalisation", ["real", "published"])
def test_weighted_sum(normalisation):
    given = batch()
    p, m, g, s = losses.wigraph_terms(*given, normalisation=normalisation)
    total = losses.wigraph(
        *given, beta_mask=0.5, beta_graph=2, beta_sparsity=3, normalisation=normalisation
    )
    divisor = 3 if normalisation == "published" else 1
    torch.testing.assert_close(total, (p + 0.5 * m + 2 * g + 3 * s) / divisor)
    plain = losses.wigraph(*given, normalisation=normalisation)
    torch.testing.assert_close(plain, (p + g + s) / divisor)


@pytest.mark.parametrize("normalisation", ["real", "published"])
def test_padding_and_other_words_are_in_no_term(normalisation):
    """Trap 3: there they counted, at probability 1/2."""
    logits, labels, graph = batch()
    before = losses.wigraph_terms(logits, labels, graph, normalisation=normalisation)
    wide = SimpleNamespace(
        edge_logits=F.pad(graph.edge_logits, (0, 4, 0, 4), value=9.0),
        pairs=F.pad(graph.pairs, (0, 4, 0, 4)),
        word_logits=F.pad(graph.word_logits, (0, 4), value=9.0),
        words=F.pad(graph.words, (0, 4)),
    )
    wide.edge_logits[~wide.pairs] = -7.0
    after = losses.wigraph_terms(logits, labels, wide, normalisation=normalisation)
    torch.testing.assert_close(tuple(after), tuple(before))


def test_layer_s_padding_and_other_words_are_in_no_term():
    layer = models.WIGRAPH(9, 4, subset=range(2, 8), word_mask=True).eval()
    with torch.no_grad():
        layer.logits.normal_()
    x, logits, labels = torch.randn(1, 8, 4), torch.zeros(1, 2), torch.tensor([1])
    tokens = torch.tensor([[3, 2, 7, 0, 8, 1, 0, 0]])
    padded = losses.wigraph_terms(logits, labels, layer(x, tokens))
    alone = losses.wigraph_terms(logits, labels, layer(x[:, :3], tokens[:, :3]))
    torch.testing.assert_close(tuple(padded), tuple(alone))


def test_every_row_has_its_own_label():
    """Trap 1's cousin: the first row must not speak for all."""
    logits, labels, graph = batch()
    one_by_one = [F.cross_entropy(logits[b : b + 1], labels[b : b + 1]) for b in range(3)]
    terms = losses.wigraph_terms(logits, labels, graph)
    torch.testing.assert_close(terms.prediction, torch.stack(one_by_one).mean())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_limits_and_gradients_at_saturation(dtype):
    """Trap 6: entropies without a logarithm of 0, from -1000 to 1000."""
    logits = torch.tensor([-1000.0, -50, 0, 50, 1000], dtype=dtype, requires_grad=True)
    values = losses.negative_entropy(logits)
    assert values.tolist() == pytest.approx([0, 0, -LOG2, 0, 0], abs=1e-6)
    values.sum().backward()
    assert logits.grad.tolist() == pytest.approx([0, 0, 0, 0, 0], abs=1e-6)


@pytest.mark.parametrize("saturated", [-50.0, 50.0])
@pytest.mark.parametrize("temperature", [0.01, 1.0])
@pytest.mark.parametrize("training", [True, False])
def test_certain_edges_have_finite_gradients(saturated, temperature, training):
    """Trap 6: there log(0) made them not a number from 40 on."""
    layer = models.WIGRAPH(8, 4, word_mask=True, temperature=temperature).train(training)
    layer.generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        layer.logits.fill_(saturated)
    tokens = torch.tensor([[3, 5, 2, 3, 0, 0], [4, 2, 6, 5, 3, 1]])
    graph = layer(torch.randn(2, 6, 4), tokens)
    terms = losses.wigraph_terms(graph.z.sum(1), torch.tensor([0, 1]), graph)
    sum(terms).backward()
    assert torch.isfinite(graph.z).all() and all(torch.isfinite(term) for term in terms)
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters())
    certain = float(saturated > 0)
    assert ((graph.edges[graph.pairs] - certain).abs() < 1e-20).all()


def test_negative_entropy_is_that_of_a_coin():
    logits = torch.linspace(-12, 12, 49, dtype=torch.float64)
    coin = torch.distributions.Bernoulli(logits=logits)
    torch.testing.assert_close(losses.negative_entropy(logits), -coin.entropy())
    half = torch.distributions.Bernoulli(torch.full_like(logits, 0.5))
    kl = torch.distributions.kl_divergence(coin, half)
    torch.testing.assert_close(losses.negative_entropy(logits) + LOG2, kl)


def test_graph_term_draws_edges_to_one_half_and_sparsity_to_none():
    logits, labels, graph = batch()
    graph.edge_logits.requires_grad_()
    terms = losses.wigraph_terms(logits, labels, graph)
    (slope,) = torch.autograd.grad(terms.graph, graph.edge_logits, retain_graph=True)
    counted = graph.edge_logits.detach()[graph.pairs]
    assert (slope[graph.pairs].sign() == counted.sign()).all()
    assert (slope[~graph.pairs] == 0).all()
    (slope,) = torch.autograd.grad(terms.sparsity, graph.edge_logits)
    assert (slope[graph.pairs] > 0).all()


def test_sentences_without_words_count_as_zero():
    logits, labels, graph = batch()
    empty = SimpleNamespace(
        edge_logits=graph.edge_logits,
        pairs=torch.zeros_like(graph.pairs),
        word_logits=graph.word_logits,
        words=torch.zeros_like(graph.words),
    )
    terms = losses.wigraph_terms(logits, labels, empty)
    assert terms.mask == terms.graph == terms.sparsity == 0


def test_without_word_mask_the_mask_term_is_zero():
    given = batch(with_words=False)
    assert losses.wigraph_terms(*given).mask == 0
    torch.testing.assert_close(losses.wigraph(*given, beta_mask=5), losses.wigraph(*given))


@pytest.mark.parametrize("normalisation", ["real", "published"])
def test_gradcheck(normalisation):
    logits, labels, graph = batch()

    def total(logits, edges, kept):
        given = SimpleNamespace(
            edge_logits=edges, word_logits=kept, pairs=graph.pairs, words=graph.words
        )
        return losses.wigraph(logits, labels, given, beta_mask=1, normalisation=normalisation)

    inputs = [x.requires_grad_() for x in (logits, graph.edge_logits, graph.word_logits)]
    assert torch.autograd.gradcheck(total, inputs)


def test_half_precision_is_widened():
    logits, labels, graph = batch()
    exact = losses.wigraph(logits, labels, graph)
    graph.edge_logits, graph.word_logits = graph.edge_logits.half(), graph.word_logits.half()
    loss = losses.wigraph(logits.half(), labels, graph)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-3)


def test_what_does_not_fit_is_named():
    logits, labels, graph = batch()
    with pytest.raises(ValueError, match="Did you mean 'published'"):
        losses.wigraph_terms(logits, labels, graph, normalisation="publish")
    with pytest.raises(ValueError, match=r"logits must be \[B, C\]"):
        losses.wigraph_terms(logits[0], labels, graph)
    with pytest.raises(ValueError, match=r"labels must be \[3\]"):
        losses.wigraph_terms(logits, labels[:2], graph)
    for name in ("edge_logits", "pairs", "word_logits", "words"):
        parts = vars(graph) | {name: getattr(graph, name)[:2]}
        with pytest.raises(ValueError, match=f"graph's {name} must be"):
            losses.wigraph_terms(logits, labels, SimpleNamespace(**parts))
    for beta in ("beta_mask", "beta_graph", "beta_sparsity"):
        with pytest.raises(ValueError, match=beta):
            losses.wigraph(logits, labels, graph, **{beta: -1})
