"""Evaluation: what a trained network knows."""

from labkit.evaluation.bias import (
    Bias,
    background_bias,
    background_pairs,
    counterfactuals,
    remove_directions,
    text_directions,
)
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
from labkit.evaluation.grounding import Grounding, grad_cam, grounding
from labkit.evaluation.information import (
    background_information,
    entropy,
    in_bins,
    mutual_information,
)
from labkit.evaluation.pointing import Pointing, loudest, pointing
from labkit.evaluation.predict import accuracy, predict
from labkit.evaluation.probe import LinearProbe, linear_probe, pooled, probe
from labkit.evaluation.retrieval import Retrieval, recall, retrieval
from labkit.evaluation.similarity import (
    class_similarity,
    gradient,
    group_similarity,
    rank_agreement,
)
from labkit.evaluation.zero_shot import (
    ZeroShot,
    class_embeddings,
    fill,
    picture_embeddings,
    tokens,
    zero_shot,
)

__all__ = [
    "Bias",
    "Difference",
    "Fidelity",
    "Grounding",
    "LinearProbe",
    "Pointing",
    "Ranking",
    "Retrieval",
    "ZeroShot",
    "accuracy",
    "averaged",
    "background_bias",
    "background_information",
    "background_pairs",
    "bounds",
    "calibration_error",
    "cka",
    "class_embeddings",
    "class_similarity",
    "clip_floor",
    "clip_lite_floor",
    "counterfactuals",
    "differences",
    "entropy",
    "fidelity",
    "fill",
    "grad_cam",
    "gradient",
    "gradient_signal",
    "grounding",
    "group_similarity",
    "holm",
    "in_bins",
    "linear_probe",
    "loudest",
    "mutual_information",
    "only",
    "optimal_factors",
    "pareto",
    "picture_embeddings",
    "pointing",
    "pooled",
    "predict",
    "probe",
    "rank_agreement",
    "ranking",
    "recall",
    "remove_directions",
    "retrieval",
    "scores",
    "select",
    "siglip_floor",
    "text_directions",
    "tokens",
    "zero_shot",
]
