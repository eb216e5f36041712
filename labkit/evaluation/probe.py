"""Probes: what can be read from frozen features by a linear rule."""

from collections.abc import Sequence
from typing import NamedTuple

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
    _fitting(features, labels, test, test_labels)
    mean, spread = features.mean(0), features.std(0).clamp_min(1e-6)
    x, z = ((part - mean) / spread for part in (features.double(), test.double()))
    y = F.one_hot(labels.long()).double()  # [N, C]
    ridge = positive("penalty", penalty) * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(x.T @ x + ridge, x.T @ (y - y.mean(0)))  # [D, C]
    guess = (z @ weights + y.mean(0)).argmax(1)
    return (guess == test_labels).double().mean().item()


class LinearProbe(NamedTuple):
    """What logistic regression reads from frozen features, and the C it chose."""

    accuracy: float  # of the test, 0..1
    chosen: float  # C, the inverse of the penalty
    validated: float  # mean accuracy of that C over the folds, 0..1


def linear_probe(
    features: Tensor,
    labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    *,
    strengths: Sequence[float] = (0.01, 0.1, 1.0, 10.0),
    folds: int = 3,
) -> LinearProbe:
    """Logistic regression on frozen features, C by cross-validation: the usual linear probe.

    Shapes: features [N, D], labels [N], test [M, D], test_labels [M]; the largest class's share at
    chance. Features are brought to mean 0 and spread 1. Seconds where `probe` takes milliseconds.
    Every class needs `folds` examples. Raises ValueError for lengths that do not fit.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _fitting(features, labels, test, test_labels)
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    grid = {"logisticregression__C": list(strengths)}
    search = GridSearchCV(regression, grid, cv=folds)
    search.fit(features.cpu().numpy(), labels.cpu().numpy())
    accuracy = search.score(test.cpu().numpy(), test_labels.cpu().numpy())
    (chosen,) = search.best_params_.values()
    return LinearProbe(float(accuracy), float(chosen), float(search.best_score_))


def _fitting(features: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor) -> None:
    if len(features) != len(labels) or len(test) != len(test_labels):
        raise ValueError(
            f"each example needs its label: {len(features)} features and {len(labels)} labels, "
            f"{len(test)} and {len(test_labels)} in the test"
        )
