"""Does an explanation name what the classifier used? Words and edges are taken away, and it says.

    AOPC               mean over sentences of 1/K sum over k <= K of
                       p(c | x) - p(c | x without its k first words), c what it predicts for x
    post-hoc accuracy  how often x with its k first words alone is predicted as x is
    occlusion          accuracy with the K strongest edges of each sentence's graph alone

Words come in the order of |weight|, largest first, as published; `signed` ranks by weight, which
for what speaks in favour of c is the better question: |weight| also removes what speaks against.

A word taken away becomes padding: labkit's text classifiers then read as if it were not there. Of
equal weights the earlier word comes first.

AOPC: Sekhon et al. (2023), K = 10, in per cent; ours is a difference of probabilities. Their code
scores every sentence of a batch with the probabilities of its first (`softmax(out)[:, labels][0]`),
and leaves out the last batch if it is smaller, but divides by all. Here each sentence is scored by
its own predicted label, all are counted, and batches do not show.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from labkit.errors import whole
from labkit.evaluation.predict import accuracy
from labkit.models.text import TextClassifier


class Aopc(NamedTuple):
    """The area over the perturbation curve, and the curve."""

    value: float  # mean of `each`, -1..1; more is more faithful
    drops: Tensor  # [K], mean fall of the probability with 1, 2, .. K words gone
    each: Tensor  # [N], every sentence's own


class Occlusion(NamedTuple):
    """Accuracy 0..1 by which of the graph's edges are left."""

    none: float  # each word alone
    kept: dict[int, float]  # K -> the K strongest of each sentence
    all: float  # as at test


def text_logits(
    model: nn.Module, tokens: Tensor, *, edges: Tensor | None = None, batch_size: int = 250
) -> Tensor:
    """Logits [N, C] of tokens [N, L], on the CPU; the model is in eval mode from then on.

    `edges` [N, L, L] replaces the graph's, for a `TextClassifier` that has one.
    Raises ValueError for tokens of another shape and edges that do not fit.
    """
    size = whole("batch_size", batch_size)
    if tokens.dim() != 2 or tokens.is_floating_point() or not len(tokens):
        shape = f"{tokens.dtype} {list(tokens.shape)}"
        raise ValueError(f"tokens must be whole numbers [N, L], N at least 1, got {shape}")
    if edges is not None and not isinstance(model, TextClassifier):
        raise ValueError(f"edges needs a TextClassifier, got a {type(model).__name__}")
    first = next(model.parameters(), None)
    device = tokens.device if first is None else first.device
    model.eval()
    parts = []
    with torch.no_grad():
        for start in range(0, len(tokens), size):
            batch, rows = tokens[start : start + size].to(device), slice(start, start + size)
            if edges is None or not isinstance(model, TextClassifier):
                parts.append(model(batch))
            else:
                parts.append(model.read(batch, edges=edges[rows].to(device)).logits)
    return torch.cat(parts).float().cpu()


def aopc(
    model: nn.Module,
    tokens: Tensor,
    weights: Tensor,
    *,
    most: int = 10,
    signed: bool = False,
    padding: int = 0,
) -> Aopc:
    """How much the predicted label's probability falls as the heaviest words go, one by one.

    Shapes: tokens int [N, L], weights [N, L], of padding anything. `model` gives logits [N, C] of
    tokens. A sentence with fewer than `most` = K words stays empty from its last word on, and
    counts K times like the others.
    Value at chance: that of weights drawn at random, not 0: compare with it.
    Raises ValueError for shapes that do not fit and weights that are not finite.
    """
    rank = _rank(tokens, weights, signed, padding)
    whole("most", most)
    before = text_logits(model, tokens).softmax(1)
    own = before.argmax(1, keepdim=True)  # [N, 1]
    falls = []
    for k in range(1, most + 1):
        left = tokens.masked_fill(rank < k, padding)
        after = text_logits(model, left).softmax(1)
        falls.append((before - after).gather(1, own)[:, 0])  # each row its own label
    table = torch.stack(falls)  # [K, N]
    return Aopc(table.mean().item(), table.mean(1), table.mean(0))


def post_hoc_accuracy(
    model: nn.Module,
    tokens: Tensor,
    weights: Tensor,
    *,
    keep: int,
    labels: Tensor | None = None,
    signed: bool = False,
    padding: int = 0,
) -> float:
    """The share of sentences, 0..1, whose `keep` heaviest words alone are given the same label.

    The same as what the model predicts of the whole sentence (Chen et al. 2018: are the words
    enough for the prediction, right or wrong?), or, with `labels` int64 [N], the true one.
    Shapes and errors as in `aopc`. Value at chance: that of weights drawn at random.
    """
    rank = _rank(tokens, weights, signed, padding)
    asked = text_logits(model, tokens).argmax(1) if labels is None else labels.cpu()
    if asked.shape != tokens.shape[:1]:
        raise ValueError(f"labels must be [{len(tokens)}], got {list(asked.shape)}")
    few = tokens.masked_fill(rank >= whole("keep", keep), padding)
    return accuracy(text_logits(model, few), asked)


def interaction_occlusion(
    model: TextClassifier, tokens: Tensor, labels: Tensor, keep: Sequence[int]
) -> Occlusion:
    """Accuracy with only the K strongest edges of each sentence's graph, for every K of `keep`.

    Edges are directed and join different places; those kept keep their probability, and messages
    are normalised by what is left, so that enough of them give the model as it is at test.
    Shapes: tokens int [N, L], labels int64 [N].
    Raises ValueError for a model without a graph, K below 1, and shapes that do not fit.
    Source: Sekhon et al. (2023), "interaction occlusion score"; "NoA" is `none`.
    """
    if not isinstance(model, TextClassifier) or model.graph is None:
        raise ValueError("model must have a WIGRAPH: make the classifier with graph=")
    if labels.shape != tokens.shape[:1]:
        raise ValueError(f"labels must be [{len(tokens)}], got {list(labels.shape)}")
    counts, labels = [whole("keep", k) for k in keep], labels.cpu()
    alone = torch.eye(tokens.shape[1]).expand(len(tokens), -1, -1)
    found = {k: _with_strongest(model, tokens, labels, k) for k in counts}
    return Occlusion(
        accuracy(text_logits(model, tokens, edges=alone), labels),
        found,
        accuracy(text_logits(model, tokens), labels),
    )


def strongest(edge_logits: Tensor, pairs: Tensor, keep: int) -> Tensor:
    """Probabilities [B, L, L] of the `keep` largest of each sentence's edges, 0 for all others.

    Only places where `pairs` (bool, same shape) is True are looked at. Compared are logits: in
    float32 probabilities above 1 - 1e-7 are all 1.
    """
    flat = edge_logits.masked_fill(~pairs, -torch.inf).flatten(1)
    rank = flat.argsort(dim=1, descending=True, stable=True).argsort(1).view_as(edge_logits)
    return edge_logits.sigmoid() * ((rank < keep) & pairs)


def _with_strongest(model: TextClassifier, tokens: Tensor, labels: Tensor, keep: int) -> float:
    """Batch by batch: [N, L, L] of all sentences at once would be large."""
    assert model.graph is not None
    device, right = model.graph.logits.device, 0.0
    for start in range(0, len(tokens), 250):
        rows = slice(start, start + 250)
        with torch.no_grad():
            logits, pairs, _ = model.graph.edge_logits(tokens[rows].to(device))
            edges = strongest(logits, pairs, keep)
        right += len(labels[rows]) * accuracy(
            text_logits(model, tokens[rows], edges=edges), labels[rows]
        )
    return right / len(tokens)


def _rank(tokens: Tensor, weights: Tensor, signed: bool, padding: int) -> Tensor:
    """Each word's place [N, L] in its sentence's order, 0 the heaviest; padding comes last."""
    if tokens.dim() != 2 or weights.shape != tokens.shape:
        raise ValueError(
            f"tokens and weights must be [N, L] alike, got {list(tokens.shape)} and "
            f"{list(weights.shape)}"
        )
    real = tokens != padding
    if not weights[real].isfinite().all():
        raise ValueError("weights must be finite numbers where there are words")
    size = (weights if signed else weights.abs()).float().masked_fill(~real, -torch.inf)
    return size.argsort(dim=1, descending=True, stable=True).argsort(1).to(tokens.device)
