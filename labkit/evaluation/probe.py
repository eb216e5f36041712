"""Probes: what can be read from frozen features by a linear rule."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.data import Dataset, batches
from labkit.errors import positive


def pooled(
    model: nn.Module, dataset: Dataset, split: str = "test", *, batch_size: int = 250
) -> Tensor:
    """The network's pooled vectors of every image of a split, in order: [N, D], float32, CPU."""
    device = next(model.parameters()).device
    model.eval()
    parts = []
    for batch in batches(dataset, split, batch_size=batch_size, order=None, augment=None):
        with torch.no_grad():
            parts.append(model(batch.images.to(device)).pooled.float().cpu())
    return torch.cat(parts)


def probe(
    features: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor, *, penalty: float = 1e-3
) -> float:
    """Accuracy 0..1 of a ridge classifier on frozen features; the largest class's share at chance.

    Shapes: features [N, D], labels [N], test [M, D], test_labels [M]. Each label becomes a corner
    of a cube, and the linear map with the least squares has a closed form, so a probe costs one
    solve. `penalty` is per example, for features of unit spread.
    Raises ValueError for penalty <= 0 and lengths that do not fit.
    """
    if len(features) != len(labels) or len(test) != len(test_labels):
        raise ValueError(
            f"each example needs its label: {len(features)} features and {len(labels)} labels, "
            f"{len(test)} and {len(test_labels)} in the test"
        )
    mean, spread = features.mean(0), features.std(0).clamp_min(1e-6)
    x, z = ((part - mean) / spread for part in (features.double(), test.double()))
    y = F.one_hot(labels.long()).double()  # [N, C]
    ridge = positive("penalty", penalty) * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(x.T @ x + ridge, x.T @ (y - y.mean(0)))  # [D, C]
    guess = (z @ weights + y.mean(0)).argmax(1)
    return (guess == test_labels).double().mean().item()
