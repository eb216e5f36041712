"""Ranking by a margin, the way before CLIP - Kiros, Salakhutdinov, Zemel (2014), "Unifying
Visual-Semantic Embeddings with Multimodal Neural Language Models"; Faghri, Fleet, Kiros, Fidler
(2018), "VSE++: Improving Visual-Semantic Embeddings with Hard Negatives".

    c_ij = cos(image_i, text_j)
    L    = mean over i and j != i of max(0, m - c_ii + c_ij)        and of max(0, m - c_ii + c_ji)
    L    = mean over i of the greatest of them over j               `hardest`, VSE++

Paper and code: both papers sum, over both directions and the batch; here all of it is averaged, so
that neither B nor the direction changes the scale. Their sums are 2 B (B - 1) times ours, with
`hardest` 2 B times. Faghri et al. have the margin 0.2.
"""

import torch
from torch import Tensor

from labkit.errors import positive
from labkit.losses.clip import clip_scores


def ranking(image: Tensor, text: Tensor, *, margin: float = 0.2, hardest: bool = False) -> Tensor:
    """How far wrong captions, and wrong images, are from scoring `margin` below the right one.

    Shapes: image [B, D], text [B, D], pairs in the same row, of any length; a scalar, 0 to
    margin + 2, comes back.
    margin: a difference of cosines, above 0; over 2 no embeddings keep it
    hardest: only the best-scoring wrong one counts, not all on average
    Value at chance (all cosines equal): the margin. 0, without gradient, once all keep it.
    Raises ValueError for margin <= 0, B < 2 and shapes that differ.
    Source: Kiros et al. (2014); with `hardest` Faghri et al. (2018).
    """
    room = positive("margin", margin)
    scores = clip_scores(image, text, scale=1)  # [B, B]
    own = scores.diagonal()
    itself = torch.eye(len(own), dtype=torch.bool, device=own.device)
    found = []
    for each in (scores, scores.T):
        lacking = (room - own[:, None] + each).relu().masked_fill(itself, 0)  # [B, B]
        total = lacking.amax(1) if hardest else lacking.sum(1) / (len(own) - 1)
        found.append(total.mean())
    return (found[0] + found[1]) / 2
