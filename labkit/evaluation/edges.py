"""The edges of a trained WIGRAPH by their words, and how many of the strongest are true.

A true interaction is a pair of words without an order; edges are directed. A pair's strength is
the larger of its two logits: one direction is enough for two words to meet, and in float32 edges
above 1 - 1e-7 all have probability 1. Pairs that
never stand in one sentence are not asked about: their edges were never drawn, and stay at 1/2.

Average precision is the mean, over the true pairs, of the share of true ones among all pairs at
least as strong (equal strengths count together, so that equal edges score what chance does).
Beside it stand what no training is needed for: a random order, and pointwise mutual information,
    PMI(a, b) = log n_ab N / (n_a n_b),
with n_ab of the N sentences holding both, in nats: words that keep company, whatever they decide.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from labkit.data import Tokenizer
from labkit.data.text import Sentences
from labkit.data.tokens import PADDING, SPECIALS, UNKNOWN
from labkit.errors import whole
from labkit.models import WIGRAPH


class EdgePrecision(NamedTuple):
    """Average precision, 0..1, of three orders of the same pairs of words."""

    found: float  # by the graph's probabilities
    random: float  # expected of a random order
    pmi: float  # by pointwise mutual information
    pairs: int  # how many are ordered: those that stand in one sentence
    true: int  # how many of these interact


class Edge(NamedTuple):
    """`telling` sends a message to `told` with this probability."""

    telling: str
    told: str
    probability: float


def word_edges(graph: WIGRAPH, words: Tokenizer, chosen: list[str]) -> Tensor:
    """Probabilities [K, K] between the `chosen` words: row told, column telling.

    The diagonal joins a word with its own repetitions. The published code extracts the transpose.
    Raises ValueError for words the tokenizer or the graph's subset lacks.
    """
    _check(graph, words)
    if isinstance(chosen, str) or not chosen:
        raise ValueError(f"chosen must be a list of one or more words, got {chosen!r}")
    numbers = torch.tensor([words.number(word) for word in chosen])
    place = graph.place.cpu()[numbers]
    lacking = [w for w, n, p in zip(chosen, numbers, place, strict=True) if n == UNKNOWN or p < 0]
    if lacking:
        raise ValueError(f"chosen has words without edges: {', '.join(map(repr, lacking[:5]))}")
    return graph.probabilities().cpu()[place[:, None], place]


def strongest_edges(
    graph: WIGRAPH, words: Tokenizer, count: int = 20, *, seen: Tensor | None = None
) -> list[Edge]:
    """The `count` most probable edges between different words, strongest first.

    `seen` int or bool [V, V], such as `co_occurrence`, leaves out the pairs where it is 0.
    Equal ones come in the order of the vocabulary. Raises ValueError for shapes that do not fit.
    """
    _check(graph, words)
    found = _matrix(graph)  # [V, V]
    off = found.isnan() | torch.eye(len(words), dtype=torch.bool)
    off[: len(SPECIALS)] = off[:, : len(SPECIALS)] = True
    if seen is not None:
        if seen.shape != found.shape:
            raise ValueError(f"seen must be {list(found.shape)}, got {list(seen.shape)}")
        off |= seen == 0
    told, telling = (~off).nonzero(as_tuple=True)
    order = found[told, telling].argsort(descending=True, stable=True)[: whole("count", count)]
    return [
        Edge(
            words.words[telling[row]],
            words.words[told[row]],
            found[told[row], telling[row]].sigmoid().item(),
        )
        for row in order
    ]


def co_occurrence(tokens: Tensor, vocabulary: int) -> Tensor:
    """How many sentences hold both words: int64 [V, V]; on the diagonal, how many hold the word.

    Shapes: tokens int [N, L]. A word counts once in a sentence; padding is in none.
    Raises ValueError for tokens of another shape or outside 0..V-1.
    """
    size = whole("vocabulary", vocabulary)
    if tokens.dim() != 2 or tokens.is_floating_point():
        raise ValueError(f"tokens must be whole numbers [N, L], got {list(tokens.shape)}")
    if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < size:
        low, high = int(tokens.min()), int(tokens.max())
        raise ValueError(f"tokens must be 0..{size - 1}, got {low}..{high}")
    counts = torch.zeros(size, size, dtype=torch.int64)
    for part in tokens.cpu().split(1000):
        present = torch.zeros(len(part), size).scatter_(1, part, 1.0)
        present[:, PADDING] = 0
        counts += (present.T @ present).long()  # at most 1,000 ones: exact
    return counts


def pmi(counts: Tensor, sentences: int) -> Tensor:
    """Pointwise mutual information [V, V] in nats of a `co_occurrence` among `sentences`.

    Value for independent words: 0; never together: -inf.
    """
    own = counts.diagonal().double().clamp(min=1)  # a word in no sentence is in no pair either
    together = counts.double() * whole("sentences", sentences)
    return (together / (own[:, None] * own)).log()


def average_precision(strengths: Tensor, truth: Tensor) -> float:
    """Mean precision, 0..1, at the true ones of n things ordered by strength, ties together.

    Shapes: strengths [n], truth bool [n]. Value at chance: `random_precision`.
    Raises ValueError for other shapes, strengths that are nan, and no true thing.
    """
    from sklearn.metrics import average_precision_score

    if strengths.dim() != 1 or strengths.shape != truth.shape or strengths.isnan().any():
        shapes = f"{list(strengths.shape)} and {list(truth.shape)}"
        raise ValueError(f"strengths and truth must be [n] alike, without nan, got {shapes}")
    if not truth.any():
        raise ValueError("truth must have a True: without one there is nothing to find")
    finite = strengths.double().clamp(min=-1e300, max=1e300)  # sklearn takes no infinity
    return float(average_precision_score(truth.bool().numpy(), finite.numpy()))


def random_precision(count: int, true: int) -> float:
    """The expected average precision of `count` things, `true` of them true, in random order.

    At rank i a true one has 1 + (i - 1)(m - 1)/(n - 1) true ones down to it on average. With few
    true ones it lies above their share m / n, by up to H_n / n. ValueError unless 1 <= m <= n.
    """
    n, m = whole("count", count), whole("true", true)
    if m > n:
        raise ValueError(f"true must be at most count, {n}, got {m}")
    if n == 1:
        return 1.0
    harmonic = sum(1 / rank for rank in range(1, n + 1))
    return (harmonic + (m - 1) / (n - 1) * (n - harmonic)) / n


def edge_precision(
    graph: WIGRAPH, sentences: Sentences, words: Tokenizer, *, tokens: Tensor | None = None
) -> EdgePrecision:
    """How well the graph's edges name the true interactions of generated sentences.

    The pairs asked about: two different words of the graph's subset that stand together in one of
    `sentences`. Unknown words are in no pair; true pairs not asked about are not counted.
    `tokens` [N, L] are the sentences encoded by `words`, if at hand; cut ones lose what was cut.
    Raises ValueError for sentences whose interactions are not known or not among these pairs.
    """
    _check(graph, words)
    if not sentences.interactions:
        raise ValueError("sentences must be generated ones: of others no interactions are known")
    tokens = words.encode(sentences.texts) if tokens is None else tokens
    if len(tokens) != len(sentences):
        raise ValueError(f"tokens must be of the {len(sentences)} sentences, got {len(tokens)}")
    counts, found = co_occurrence(tokens, len(words)), _matrix(graph)
    strengths = torch.maximum(found, found.T)
    asked = ((counts > 0) & ~found.isnan()).triu(1)
    asked[: len(SPECIALS)] = False
    truth = sentences.edges(words)[asked]
    if not truth.any():
        raise ValueError("no true pair is among the graph's words that stand in one sentence")
    n, m = len(truth), int(truth.sum())
    return EdgePrecision(
        average_precision(strengths[asked], truth),
        random_precision(n, m),
        average_precision(pmi(counts, len(sentences))[asked], truth),
        n,
        m,
    )


def _matrix(graph: WIGRAPH) -> Tensor:
    """All logits [V, V], row told; nan outside the subset."""
    logits, subset = graph.logits.detach().cpu(), graph.subset.cpu()
    found = torch.full((graph.vocabulary, graph.vocabulary), torch.nan)
    found[subset[:, None], subset] = (logits + logits.T) / 2 if graph.symmetric else logits
    return found


def _check(graph: WIGRAPH, words: Tokenizer) -> None:
    if graph.vocabulary != len(words):
        raise ValueError(
            f"graph and words must be of one vocabulary, got {graph.vocabulary} and {len(words)}"
        )
