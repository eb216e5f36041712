"""Heads that carry features from one network's space to another's."""

import torch.nn.functional as F
from torch import Tensor, nn

from labkit.errors import whole


class Projection(nn.Module):
    """A linear map of a vector, or with `hidden` a two-layer MLP, by default onto the unit sphere.

    Raises ValueError for widths below 1, and for input that is not [B, dim_in].
    """

    def __init__(
        self, dim_in: int, dim_out: int, *, hidden: int | None = None, normalise: bool = True
    ) -> None:
        super().__init__()
        self.dim_in, self.normalise = whole("dim_in", dim_in), normalise
        dim_out = whole("dim_out", dim_out)
        if hidden is None:
            self.layers = nn.Sequential(nn.Linear(dim_in, dim_out))
        else:
            hidden = whole("hidden", hidden)
            first, second = nn.Linear(dim_in, hidden), nn.Linear(hidden, dim_out)
            self.layers = nn.Sequential(first, nn.ReLU(), second)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 2 or x.shape[1] != self.dim_in:
            raise ValueError(f"x must be [B, {self.dim_in}], got {list(x.shape)}")
        z = self.layers(x)  # [B, dim_out]
        return F.normalize(z, dim=1) if self.normalise else z


class FeatureAdapter(nn.Module):
    """A student's map in the teacher's shape: 1x1 convolution, BatchNorm, resize (no ReLU).

    Smaller maps come from adaptive mean pooling, larger ones from bilinear interpolation.
    Raises ValueError for sizes below 1, and for input not [B, channels_in, size_in, size_in].
    """

    def __init__(self, channels_in: int, channels_out: int, size_in: int, size_out: int) -> None:
        super().__init__()
        self.shape = (whole("channels_in", channels_in), *(whole("size_in", size_in),) * 2)
        self.size = whole("size_out", size_out)
        self.conv = nn.Conv2d(channels_in, whole("channels_out", channels_out), 1, bias=False)
        self.bn = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or tuple(x.shape[1:]) != self.shape:
            want = ", ".join(str(n) for n in self.shape)
            raise ValueError(f"x must be [B, {want}], got {list(x.shape)}")
        if self.size < x.shape[2]:
            return self.bn(self.conv(F.adaptive_avg_pool2d(x, self.size)))
        h = self.bn(self.conv(x))  # [B, channels_out, size_in, size_in]
        if self.size == x.shape[2]:
            return h
        return F.interpolate(h, size=(self.size, self.size), mode="bilinear", align_corners=False)
