"""WIGRAPH - Sekhon, Chen, Shrivastava, Wang, Ji, Qi (2023), "Improving Interpretability via
Explicit Word Interaction Graph Layer".

    L = CE(logits, y) + beta_mask KL(R || 1/2) + beta_graph KL(A || 1/2) + beta_sparsity E|A|

A are the edges between the words of a sentence, R its word mask, independent Bernoulli variables
of probability p. KL(p || 1/2) = log 2 - entropy of p, 0 at p = 1/2: it keeps edges undecided,
and only sparsity removes any. The layer itself is `labkit.models.WIGRAPH`.

Three ways of counting:
  - ours, "real": in a sentence the mean over its real pairs (words for R), then the mean over
    sentences. Padding and words outside the subset are in no sum;
  - "published": the code's scale, B / 2 times ours: half of a sentence's mean, summed over the
    batch, prediction excepted; KL without its log 2, hence negative; and the total, with the
    prediction, divided by B. At the start with B = 4: graph -2 log 2, sparsity 1;
  - the code divides by 2 L^2, L with padding, and counts the diagonal, padding and words outside
    the subset too, all at p = 1/2 for ever. At the start "published" gives its numbers; later the
    dead weight would make the terms depend on the padding, so we do not offer it.
"""

import math
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import between, unknown
from labkit.losses.checks import wide

NORMALISATIONS = ("real", "published")


class Graph(Protocol):
    """What the layer says of a batch: any object with these, e.g. labkit's `WordGraph`."""

    @property
    def edge_logits(self) -> Tensor: ...  # [B, L, L]
    @property
    def pairs(self) -> Tensor: ...  # bool [B, L, L], those that count
    @property
    def word_logits(self) -> Tensor | None: ...  # [B, L]
    @property
    def words(self) -> Tensor: ...  # bool [B, L], those that count


class WigraphTerms(NamedTuple):
    """The terms, scalars, not yet weighted; mask is 0 without a word mask."""

    prediction: Tensor
    mask: Tensor
    graph: Tensor
    sparsity: Tensor


def negative_entropy(logits: Tensor) -> Tensor:
    """p log p + (1 - p) log(1 - p) at p = sigmoid(logits), in nats; any shape, any logit.

    Value: -log 2 at logit 0, up to 0. Written as p logit - softplus(logit), it has no log of 0.
    """
    return torch.sigmoid(logits) * logits - F.softplus(logits)


def wigraph_terms(
    logits: Tensor, labels: Tensor, graph: Graph, *, normalisation: str = "real"
) -> WigraphTerms:
    """Prediction, mask, graph and sparsity terms of a batch, apart.

    Shapes: logits [B, C], labels int64 [B], graph of the same B sentences; scalars come back.
    Value at chance and start, "real": log C, mask and graph 0 (at most log 2 = 0.693), sparsity
    0.5 in 0..1. "published": B / 2 times (value - log 2) for mask and graph, B / 2 times sparsity.
    Sentences without a pair count as 0.
    Raises ValueError for another normalisation and shapes that do not fit.
    Source: Sekhon et al. (2023).
    """
    if normalisation not in NORMALISATIONS:
        raise unknown("normalisation", normalisation, NORMALISATIONS)
    _check(logits, labels, graph)
    published = normalisation == "published"
    edges = wide(graph.edge_logits)
    graph_term = _mean(_kl(edges, published), graph.pairs, published)
    sparsity = _mean(torch.sigmoid(edges), graph.pairs, published)
    mask = torch.zeros_like(sparsity)
    if graph.word_logits is not None:
        mask = _mean(_kl(wide(graph.word_logits), published), graph.words, published)
    return WigraphTerms(F.cross_entropy(wide(logits), labels), mask, graph_term, sparsity)


def wigraph(
    logits: Tensor,
    labels: Tensor,
    graph: Graph,
    *,
    beta_mask: float = 0.0,
    beta_graph: float = 1.0,
    beta_sparsity: float = 1.0,
    normalisation: str = "real",
) -> Tensor:
    """The terms of `wigraph_terms`, weighted and summed; "published" divides the sum by B.

    Betas are 0 or more; the paper's are 1, and beta_mask is 0 without a word mask.
    Raises ValueError for betas below 0 and for what `wigraph_terms` refuses.
    """
    betas = {"beta_mask": beta_mask, "beta_graph": beta_graph, "beta_sparsity": beta_sparsity}
    weights = [between(name, beta, 0, 1e6) for name, beta in betas.items()]
    prediction, *others = wigraph_terms(logits, labels, graph, normalisation=normalisation)
    total = prediction + sum(w * term for w, term in zip(weights, others, strict=True))
    return total / len(logits) if normalisation == "published" else total


def _kl(logits: Tensor, published: bool) -> Tensor:
    """KL to 1/2, or its part that is not constant."""
    least = negative_entropy(logits)
    return least if published else least + math.log(2)


def _mean(values: Tensor, counted: Tensor, published: bool) -> Tensor:
    """Each sentence's mean over what counts; of these the mean, or half of their sum."""
    values, counted = (values * counted).flatten(1), counted.flatten(1)  # [B, L^2] or [B, L]
    own = values.sum(1) / counted.sum(1).clamp(min=1)  # [B]
    return own.sum() / 2 if published else own.mean()


def _check(logits: Tensor, labels: Tensor, graph: Graph) -> None:
    if logits.dim() != 2 or 0 in logits.shape or not logits.is_floating_point():
        raise ValueError(f"logits must be [B, C], got {logits.dtype} {list(logits.shape)}")
    if labels.shape != logits.shape[:1]:
        raise ValueError(f"labels must be [{len(logits)}], got {list(labels.shape)}")
    batch, length = len(logits), graph.words.shape[-1]
    shapes = {
        "edge_logits": (graph.edge_logits, (batch, length, length)),
        "pairs": (graph.pairs, (batch, length, length)),
        "words": (graph.words, (batch, length)),
        "word_logits": (graph.word_logits, (batch, length)),
    }
    for name, (value, shape) in shapes.items():
        if value is not None and value.shape != shape:
            raise ValueError(f"graph's {name} must be {list(shape)}, got {list(value.shape)}")
