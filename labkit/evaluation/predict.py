"""Predictions of a network over a split, and how many are right."""

import torch
from torch import Tensor, nn

from labkit.data import Dataset, batches


def predict(
    model: nn.Module, dataset: Dataset, split: str = "test", *, batch_size: int = 250
) -> Tensor:
    """Logits of every image of a split, in order: [N, C], float32, on the CPU; no augmentation.

    The network runs where its weights are, in eval mode, whatever device the data set is on.
    """
    device = next(model.parameters()).device
    model.eval()
    parts = []
    for batch in batches(dataset, split, batch_size=batch_size, order=None, augment=None):
        with torch.no_grad():
            parts.append(model(batch.images.to(device)).logits.float().cpu())
    return torch.cat(parts)


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """The share of rows whose largest logit is the label, in 0..1; 1 / C at chance."""
    return (logits.argmax(1) == labels).float().mean().item()
