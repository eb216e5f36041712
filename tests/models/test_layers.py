"""Shared pieces: the channel shuffle against counting, and what He's initialisation draws."""

import torch
from pytest import approx
from torch import nn

from labkit.models.layers import conv_norm, he_init, shuffle


def test_shuffle_deals_the_groups_out_in_turn():
    x = torch.arange(6.0).reshape(1, 6, 1, 1).expand(2, 6, 3, 3)
    assert shuffle(x, 3)[0, :, 0, 0].tolist() == [0, 2, 4, 1, 3, 5]
    assert torch.equal(shuffle(shuffle(x, 3), 2), x)  # 3 groups of 2, then 2 groups of 3
    assert torch.equal(shuffle(x, 1), x)


def test_he_init_spreads_by_fan_out_and_clears_biases():
    conv = nn.Conv2d(8, 128, 3)
    he_init(conv)
    assert conv.weight.std().item() == approx((2 / (128 * 9)) ** 0.5, rel=0.05)
    assert not conv.bias.any()


def test_conv_norm_keeps_the_size_at_stride_one():
    x = torch.randn(2, 6, 8, 8)
    assert conv_norm(6, 4)(x).shape == conv_norm(6, 4, 3)(x).shape == (2, 4, 8, 8)
    assert conv_norm(6, 6, 3, stride=2, groups=6)(x).shape == (2, 6, 4, 4)
