"""A teacher for images that none ships for."""

import torch
from torch import nn

from labkit import models
from labkit.data import Dataset
from labkit.training.fit import fit
from labkit.training.methods import cross_entropy
from labkit.training.run import run


def teach(
    name: str,
    dataset: Dataset,
    *,
    epochs: int,
    batch_size: int = 64,
    learning_rate: float = 0.1,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> nn.Module:
    """Train the network `name` on the labels of `dataset`; returns it frozen, in eval mode.

    Shows its progress. Raises what `models.build` and `training.fit` raise.
    """
    model = models.build(name, dataset.classes, seed=seed)
    run(
        fit(
            model,
            cross_entropy,
            dataset,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            device=device,
        ),
        name=f"teacher {name}",
    )
    return model.eval().requires_grad_(False)
