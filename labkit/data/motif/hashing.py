"""Random numbers without a stream: an integer hash of (seed, split, picture, what).

Picture i is therefore the same whatever is drawn before, beside or after it, on any device:
only int64 arithmetic decides.  The mixer is the finaliser of SplitMix64 (Steele, Lea and
Flood 2014), whose constants are written below as signed 64-bit integers.
"""

import functools
import math

import torch
from torch import Tensor

STEP = -7046029254386353131  # 0x9E3779B97F4A7C15, the golden ratio: spreads neighbouring counters
FIRST = -4658895280553007687  # 0xBF58476D1CE4E5B9
SECOND = -7723592293110705685  # 0x94D049BB133111EB
LEVELS = 4096  # steps of the normal quantile table: 12 of the 16 bits a number is given


def mix(counter: Tensor) -> Tensor:
    """int64 in, int64 out, same shape: every input bit reaches every output bit."""
    value = counter * STEP  # multiplication wraps, as it must
    value ^= (value >> 30).bitwise_and_((1 << 34) - 1)  # the mask makes the shift a logical one
    value *= FIRST
    value ^= (value >> 27).bitwise_and_((1 << 37) - 1)
    value *= SECOND
    value ^= (value >> 31).bitwise_and_((1 << 33) - 1)
    return value


def keys(seed: int, split: int, index: Tensor) -> Tensor:
    """One int64 key per picture of `index` (int64, any shape); splits never share one."""
    words = torch.tensor([seed % 2**63, split], dtype=torch.int64, device=index.device)
    stream = mix(mix(words[:1] + 1) + words[1:] + 1)
    return mix(stream + index)


def uniform(key: Tensor, count: int) -> Tensor:
    """float32 [n, count] in [0, 1), independent for every key [n] and column."""
    column = torch.arange(1, count + 1, device=key.device)
    bits = (mix(key[:, None] + column) >> 40).bitwise_and_((1 << 24) - 1)
    return bits.to(torch.float32).mul_(2.0**-24)


def normal(key: Tensor, count: int) -> Tensor:
    """float32 [n, count] of zero mean and unit variance, cut at 3.7 standard deviations."""
    words = math.ceil(count / 4)
    column = torch.arange(-words, 0, device=key.device)  # apart from the columns of `uniform`
    bits = mix(key[:, None] + column).view(torch.int16).to(torch.int32)  # four numbers a word
    values = torch.index_select(_quantiles(key.device), 0, bits.bitwise_and_(LEVELS - 1).flatten())
    return values.view(len(key), 4 * words)[:, :count]


@functools.lru_cache(maxsize=8)
def _quantiles(device: torch.device) -> Tensor:
    middle = (torch.arange(LEVELS, dtype=torch.float64) + 0.5) / LEVELS
    values = torch.special.ndtri(middle)
    return (values / values.std(correction=0)).to(torch.float32).to(device)
