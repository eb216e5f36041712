"""Teachers: one trained for images that none ships for, and the perfect one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit import models
from labkit.data import Dataset, motif
from labkit.evaluation import accuracy, calibration_error, predict
from labkit.training.fit import fit
from labkit.training.method import Teacher
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


def examine(model: nn.Module, dataset: Dataset) -> dict[str, float]:
    """What a card says of a network: over the test split its accuracy 0..1, cross-entropy in nats
    and expected calibration error 0..1, and how many pictures that is."""
    logits, labels = predict(model, dataset, "test"), dataset.test.labels.cpu()
    return {
        "test_accuracy": round(accuracy(logits, labels), 4),
        "test_loss": round(F.cross_entropy(logits, labels).item(), 4),
        "calibration_error": round(calibration_error(logits, labels), 4),
        "pictures": len(labels),
    }


def bayes_teacher(dataset: Dataset) -> Teacher:
    """The perfect teacher of "motif100-exact": its logits are the exact log p(class | picture).

    It answers for the pictures as they were drawn: train without moving or mirroring them.
    ValueError for another data set.
    """
    if dataset.name != "motif100-exact":
        raise ValueError(f"only motif100-exact has a known posterior, not {dataset.name!r}")
    noise = dataset.train.factors["noise"][0].item()
    scale, shift = 255 * dataset.std.view(1, 3, 1, 1), 255 * dataset.mean.view(1, 3, 1, 1)

    def answer(images: Tensor) -> models.Features:
        pixels = images * scale.to(images.device) + shift.to(images.device)
        drawn = pixels.round().to(torch.uint8)  # [B, 3, 32, 32], `normalise` undone
        logits = motif.bayes_posterior(drawn, noise=noise, log=True)  # [B, 100]
        return models.Features((), images.new_empty(0), logits)

    return answer
