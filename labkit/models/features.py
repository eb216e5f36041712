"""What every network returns."""

from typing import NamedTuple

from torch import Tensor


class Features(NamedTuple):
    """One forward pass: stage maps, the pooled vector and the logits.

    maps: a tuple of [B, channels, H, W], the stem first, then each stage. They are after the
        stage's last ReLU where the network's `maps_after_relu` says so, else of either sign
    pooled: [B, D], what the classifier sees
    logits: [B, C], unnormalised log-probabilities
    """

    maps: tuple[Tensor, ...]
    pooled: Tensor
    logits: Tensor
