"""Softmax regression on pixels: what can be told without any feature."""

from torch import Tensor, nn

from labkit.models.features import Features


class Linear(nn.Module):
    """One linear layer on the 3 * 32 * 32 pixels; it has no maps, and its pooled vector is them."""

    maps_after_relu = True  # of all none

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(3 * 32 * 32, classes)

    def forward(self, x: Tensor) -> Features:
        pixels = x.flatten(1)  # [B, 3072]
        return Features((), pixels, self.fc(pixels))
