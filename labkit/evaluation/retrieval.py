"""Retrieval both ways: how often what belongs together is among the K best.

Several pictures may have one caption, so a caption is counted once:

    image to text   each picture is a query, the M different captions are the candidates, its own
                    is right; the mean over the N pictures
    text to image   each of the M different captions is a query, all N pictures are the candidates,
                    every picture with that caption is right and the best of them counts; the mean
                    over the M captions, frequent or not

A tie counts as a miss: what scores as high as the right one stands before it. Encoders that
answer the same to everything thus reach 0 and not by luck of the order 1.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from labkit.errors import whole

KS = (1, 5, 10)


class Retrieval(NamedTuple):
    """Recall at K, 0..1, for each K; beside it what an order at random would reach."""

    image_to_text: dict[int, float]
    text_to_image: dict[int, float]
    chance_image_to_text: dict[int, float]
    chance_text_to_image: dict[int, float]
    captions: int  # M, how many different ones


def recall(scores: Tensor, right: Tensor, ks: Sequence[int] = KS) -> Tensor:
    """Whether a right candidate is among the K best: bool [Q, len(ks)].

    Shapes: scores [Q, M] of queries and candidates, right bool [Q, M], at least one in each row.
    Wrong candidates with the score of the best right one stand before it.
    Raises ValueError for other shapes, a row without a right one, scores not finite, K < 1.
    """
    if scores.dim() != 2 or scores.shape != right.shape or right.dtype != torch.bool:
        raise ValueError(
            f"scores and right must be [Q, M], right of bool, got {list(scores.shape)} and "
            f"{right.dtype} {list(right.shape)}"
        )
    if not scores.isfinite().all():
        raise ValueError("scores must be finite, got nan or inf: nothing can be ranked by them")
    if not right.any(1).all():
        raise ValueError("right must be True at least once in each row: each query needs an answer")
    best = scores.masked_fill(~right, -math.inf).amax(1, keepdim=True)  # [Q, 1]
    ahead = ((scores >= best) & ~right).sum(1, keepdim=True)  # [Q, 1]
    return ahead < torch.tensor([whole("ks", k) for k in ks], device=scores.device)


def retrieval(
    image: Tensor,
    text: Tensor,
    captions: Sequence[str] | None = None,
    *,
    ks: Sequence[int] = KS,
    chunk: int = 1000,
) -> Retrieval:
    """Recall at each of `ks` both ways, for N pairs in the same row; what is right: see the top.

    Shapes: image [N, D], text [N, D], of unit length if cosines shall count; scores are products
    captions: the N texts, by which equal ones are known; None: all are different
    chunk: queries at a time, for memory O(chunk N)
    Raises ValueError for shapes that differ, another number of captions, chunk or K < 1.
    """
    if image.dim() != 2 or image.shape != text.shape or not len(image):
        raise ValueError(
            f"image and text must be [N, D] both, got {list(image.shape)} and {list(text.shape)}"
        )
    if captions is not None and (isinstance(captions, str) or len(captions) != len(image)):
        raise ValueError(f"captions must be {len(image)} texts, one for each picture")
    ids, first = _different(range(len(image)) if captions is None else captions)
    ids, first = ids.to(image.device), first.to(image.device)
    each = torch.arange(len(first), device=image.device)
    there = _means(image, text[first], ids, each, ks, chunk)
    back = _means(text[first], image, each, ids, ks, chunk)
    alike = ids.bincount().tolist()
    return Retrieval(there, back, _chance(ks, len(first), [1]), _chance(ks, len(image), alike),
                     len(first))  # fmt: skip


def _different(captions: Sequence[object]) -> tuple[Tensor, Tensor]:
    """For each of N captions its number int64 [N], and where each number came first [M]."""
    numbers: dict[object, int] = {}
    ids = torch.tensor([numbers.setdefault(caption, len(numbers)) for caption in captions])
    first = torch.full((len(numbers),), len(ids)).scatter_reduce(
        0, ids, torch.arange(len(ids)), "amin"
    )
    return ids, first


def _means(
    queries: Tensor, candidates: Tensor, mine: Tensor, theirs: Tensor, ks: Sequence[int], chunk: int
) -> dict[int, float]:
    """Mean recall of queries [Q, D]; a candidate is right if its number is the query's."""
    hits = torch.zeros(len(ks), dtype=torch.int64, device=queries.device)
    for part, ids in zip(
        queries.split(whole("chunk", chunk)), mine.split(chunk), strict=True
    ):  # [R, M]
        hits += recall(part @ candidates.T, ids[:, None] == theirs, ks).sum(0)
    return {k: n / len(queries) for k, n in zip(ks, hits.tolist(), strict=True)}


def _chance(ks: Sequence[int], candidates: int, right: Sequence[int]) -> dict[int, float]:
    """Mean probability that K candidates drawn at random hold one of the `right` ones."""
    counts = {n: right.count(n) for n in set(right)}
    found = {}
    for k in ks:
        drawn = math.comb(candidates, min(k, candidates))
        missed = {n: math.comb(candidates - n, min(k, candidates)) / drawn for n in counts}
        found[k] = 1 - sum(missed[n] * times for n, times in counts.items()) / len(right)
    return found
