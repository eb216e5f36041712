"""Calibration: whether a network is right as often as it says it is."""

from torch import Tensor


def calibration_error(logits: Tensor, labels: Tensor, *, bins: int = 15) -> float:
    """Expected calibration error, 0..1: |confidence - accuracy|, averaged over bins of confidence.

    Shapes: logits [N, C], labels [N]. 0 where in every bin the share of right answers is the mean
    confidence; the untrained network's is small too, so read it beside the accuracy.
    Source: Guo et al. (2017), equal-width bins; computed by torchmetrics.
    """
    # imported here: it takes seconds, and only cards and one lab need it
    from torchmetrics.functional.classification import multiclass_calibration_error

    probabilities = logits.float().softmax(1)
    error = multiclass_calibration_error(
        probabilities, labels, num_classes=logits.shape[1], n_bins=bins, norm="l1"
    )
    return error.item()
