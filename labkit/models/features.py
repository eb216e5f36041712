"""What every network returns."""

from typing import NamedTuple

from torch import Tensor


class Features(NamedTuple):
    """One forward pass: stage maps, the pooled vector and the logits.

    maps: a tuple of [B, channels, H, W], after the last ReLU of each stage, the stem first
    pooled: [B, D], what the classifier sees
    logits: [B, C], unnormalised log-probabilities
    """

    maps: tuple[Tensor, ...]
    pooled: Tensor
    logits: Tensor
