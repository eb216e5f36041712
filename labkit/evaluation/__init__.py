"""Evaluation: what a trained network knows."""

from labkit.evaluation.calibration import calibration_error
from labkit.evaluation.caption_floors import clip_floor, clip_lite_floor, siglip_floor
from labkit.evaluation.cka import cka
from labkit.evaluation.comparison import (
    Difference,
    Ranking,
    averaged,
    differences,
    holm,
    only,
    pareto,
    ranking,
    scores,
    select,
)
from labkit.evaluation.estimates import bounds, optimal_factors
from labkit.evaluation.fidelity import Fidelity, fidelity
from labkit.evaluation.gradients import gradient_signal
from labkit.evaluation.information import (
    background_information,
    entropy,
    in_bins,
    mutual_information,
)
from labkit.evaluation.pointing import Pointing, loudest, pointing
from labkit.evaluation.predict import accuracy, predict
from labkit.evaluation.probe import pooled, probe
from labkit.evaluation.similarity import (
    class_similarity,
    gradient,
    group_similarity,
    rank_agreement,
)

__all__ = [
    "Difference",
    "Fidelity",
    "Pointing",
    "Ranking",
    "accuracy",
    "averaged",
    "background_information",
    "bounds",
    "calibration_error",
    "cka",
    "class_similarity",
    "clip_floor",
    "clip_lite_floor",
    "differences",
    "entropy",
    "fidelity",
    "gradient",
    "gradient_signal",
    "group_similarity",
    "holm",
    "in_bins",
    "loudest",
    "mutual_information",
    "only",
    "optimal_factors",
    "pareto",
    "pointing",
    "pooled",
    "predict",
    "probe",
    "rank_agreement",
    "ranking",
    "scores",
    "select",
    "siglip_floor",
]
