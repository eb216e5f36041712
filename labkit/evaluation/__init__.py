"""Evaluation: what a trained network knows."""

from labkit.evaluation.predict import accuracy, predict
from labkit.evaluation.similarity import (
    class_similarity,
    gradient,
    group_similarity,
    rank_agreement,
)

__all__ = [
    "accuracy",
    "class_similarity",
    "gradient",
    "group_similarity",
    "predict",
    "rank_agreement",
]
