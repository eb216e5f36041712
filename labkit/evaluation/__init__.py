"""Evaluation: what a trained network knows."""

from labkit.evaluation.information import (
    background_information,
    entropy,
    in_bins,
    mutual_information,
)
from labkit.evaluation.predict import accuracy, predict
from labkit.evaluation.similarity import (
    class_similarity,
    gradient,
    group_similarity,
    rank_agreement,
)

__all__ = [
    "accuracy",
    "background_information",
    "class_similarity",
    "entropy",
    "gradient",
    "group_similarity",
    "in_bins",
    "mutual_information",
    "predict",
    "rank_agreement",
]
