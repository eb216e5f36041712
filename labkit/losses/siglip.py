"""SigLIP - Zhai, Mustafa, Kolesnikov, Beyer (2023), "Sigmoid Loss for Language Image Pre-Training".

    T_ij = scale * cos(image_i, text_j) + bias                 scale = 1 / temperature
    L    = 1 / B * (sum_i softplus(-T_ii) + sum_i sum_{j != i} softplus(T_ij))

Every pair is a yes-or-no question of its own: no softmax, so no row needs the whole batch and the
sum can be taken piece by piece. A SUM over the B^2 pairs divided by B, not their mean: the most
common mistake, which makes the loss B times too small.

With B - 1 negatives summed the best T is log p(image, text) / p(image) p(text) - log(B - 1): the
bias is there to take up the last term. With all cosines 0 it is best at -log(B - 1).

Paper and code: the printed equation has the opposite sign of the bias from the paper's pseudocode;
the authors' code adds it, as here. It starts at -10, the scale at 10, both learnt (the logarithm of
the scale is); the authors' example on COCO starts the bias at -2.71, with B = 512. Their chunks
are what each device holds; ours are rows of one batch.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from labkit.errors import whole
from labkit.losses.checks import products
from labkit.losses.clip import clip_bias, clip_pairs, clip_scale


def siglip(
    image: Tensor,
    text: Tensor,
    *,
    scale: float | Tensor,
    bias: float | Tensor,
    chunk: int | None = None,
) -> Tensor:
    """Sigmoid loss over all pairs of the batch, summed over captions, in nats.

    Shapes: image [B, D], text [B, D], pairs in the same row, of any length; a scalar comes back.
    scale: 1 / temperature, above 0; bias: any; numbers or tensors of one element
    chunk: images at a time, for memory O(chunk B) in place of O(B^2), forward and backward; value
    and gradients are the same; no second derivatives.
    Value with all cosines 0: softplus(-bias) + (B - 1) softplus(bias), B log 2 for bias 0. For
    B = 2 and bias 0 it is `clip_lite`, factor 1.
    Raises ValueError for scale <= 0, a bias not finite, chunk < 1, B < 2 and shapes that differ.
    Source: Zhai et al. (2023), the sign of the bias from the authors' code.
    """
    factor, shift = clip_scale(scale), clip_bias(bias)
    a, t = clip_pairs(image, text)
    rows = len(a) if chunk is None else whole("chunk", chunk)
    if rows >= len(a):
        return _cost(factor * products(a, t) + shift, 0) / len(a)
    learnt = (torch.as_tensor(x, dtype=a.dtype, device=a.device) for x in (factor, shift))
    return _Chunks.apply(a, t, *learnt, rows) / len(a)


class _Chunks(torch.autograd.Function):
    """The sum over pairs and its gradients in the same pass: no block outlives its turn.

    Computing the blocks again in the backward pass (`torch.utils.checkpoint`) was three times
    slower, and loading it takes more memory than the blocks.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, t: Tensor, scale: Tensor, bias: Tensor, rows: int) -> Tensor:
        total, by_scale, by_bias = (a.new_zeros(()) for _ in range(3))
        by_a, by_t = torch.zeros_like(a), torch.zeros_like(t)
        for first in range(0, len(a), rows):
            here = slice(first, first + rows)
            cosines = products(a[here], t)  # [R, B]
            scores = scale * cosines + bias
            total += _cost(scores, first)
            slope = scores.sigmoid_()  # of the loss, by the scores
            slope.diagonal(first).sub_(1)
            by_a[here] = scale * products(slope, t.T)
            by_t += scale * products(slope.T, a[here].T)
            by_scale += (slope * cosines).sum()
            by_bias += slope.sum()
        ctx.save_for_backward(by_a, by_t, by_scale, by_bias)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return *(upstream * each for each in ctx.saved_tensors), None


def _cost(scores: Tensor, first: int) -> Tensor:
    """The sum of the losses of scores [R, B], the right pair of row r in column first + r."""
    sign = torch.ones_like(scores)
    sign.diagonal(first).fill_(-1)
    return F.softplus(sign * scores).sum()
