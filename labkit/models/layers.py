"""Pieces that several network families share."""

from torch import Tensor, nn


def conv_norm(
    channels_in: int, channels_out: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """A convolution without bias, padded to keep the size at stride 1, then BatchNorm."""
    padding = kernel // 2
    conv = nn.Conv2d(channels_in, channels_out, kernel, stride, padding, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out))


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleave the channels of `groups` groups (Zhang et al. 2018, figure 1c)."""
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)  # [B, C, H, W]


def he_init(network: nn.Module) -> None:
    """Draw every convolution anew as He et al. (2015) do, by fan-out; biases become 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
