"""Evaluation: what a trained network knows."""

from labkit.evaluation.calibration import calibration_error
from labkit.evaluation.estimates import bounds, optimal_factors
from labkit.evaluation.gradients import gradient_signal
from labkit.evaluation.information import (
    background_information,
    entropy,
    in_bins,
    mutual_information,
)
from labkit.evaluation.predict import accuracy, predict
from labkit.evaluation.probe import pooled, probe
from labkit.evaluation.similarity import (
    class_similarity,
    gradient,
    group_similarity,
    rank_agreement,
)

__all__ = [
    "accuracy",
    "background_information",
    "bounds",
    "calibration_error",
    "class_similarity",
    "entropy",
    "gradient",
    "gradient_signal",
    "group_similarity",
    "in_bins",
    "mutual_information",
    "optimal_factors",
    "pooled",
    "predict",
    "probe",
    "rank_agreement",
]
