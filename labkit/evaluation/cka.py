"""CKA: whether two layers find the same pictures alike, whatever their widths."""

from collections.abc import Sequence

import torch
from torch import Tensor


def cka(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    """Linear centred kernel alignment of every layer with every layer: [L, M], 1 where the same.

    Each layer is [N, ...] for the same N pictures in the same order; further axes are flattened.
    Turning, shifting or scaling all of a layer changes nothing. The unbiased estimate of Song et
    al. (2012): 0 at chance, where the plain one comes to 1 once N is below the widths; it may fall
    a little below 0. 0 where a layer answers every picture alike. Memory 8 N^2 bytes a layer:
    1,000 pictures are plenty.
    Source: Kornblith et al. (2019), section 3; unbiased as in Nguyen et al. (2021).
    Raises ValueError without a layer, with fewer than 4 pictures, or not as many in each layer.
    """
    counts = {len(layer) for layer in (*ours, *theirs)}
    if not len(ours) or not len(theirs) or len(counts) != 1 or min(counts) < 4:
        raise ValueError(
            "ours and theirs must each have a layer, all for the same N >= 4 pictures; got "
            f"{len(ours)} and {len(theirs)} layers, N = {sorted(counts)}"
        )
    left, right = (torch.stack([_gram(layer) for layer in side]) for side in (ours, theirs))
    return left @ right.T


def _gram(layer: Tensor) -> Tensor:
    """Inner products of pictures, centred without their diagonal, of length 1: [N * N]."""
    x = layer.flatten(1).double()
    x = x - x.mean(0)  # plays no part, but saves digits
    n = len(x)
    products = (x @ x.T).fill_diagonal_(0)
    row = products.sum(0) / (n - 2)
    centred = products - row - row[:, None] + row.sum() / (n - 1)
    centred.fill_diagonal_(0)
    size = centred.norm()
    return (centred / size if size > 0 else centred).flatten()
