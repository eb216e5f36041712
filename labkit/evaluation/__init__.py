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
from labkit.evaluation.edges import (
    Edge,
    EdgePrecision,
    average_precision,
    co_occurrence,
    edge_precision,
    pmi,
    random_precision,
    strongest_edges,
    word_edges,
)
from labkit.evaluation.estimates import bounds, optimal_factors
from labkit.evaluation.faithfulness import (
    Aopc,
    Occlusion,
    aopc,
    interaction_occlusion,
    post_hoc_accuracy,
    strongest,
    text_logits,
)
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
from labkit.evaluation.word_attribution import lime_weights, shapley_weights
from labkit.evaluation.zero_shot import (
    ZeroShot,
    class_embeddings,
    fill,
    picture_embeddings,
    tokens,
    zero_shot,
)

__all__ = [
    "Aopc",
    "Bias",
    "Difference",
    "Edge",
    "EdgePrecision",
    "Fidelity",
    "Grounding",
    "LinearProbe",
    "Occlusion",
    "Pointing",
    "Ranking",
    "Retrieval",
    "ZeroShot",
    "accuracy",
    "aopc",
    "average_precision",
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
    "co_occurrence",
    "counterfactuals",
    "differences",
    "edge_precision",
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
    "interaction_occlusion",
    "lime_weights",
    "linear_probe",
    "loudest",
    "mutual_information",
    "only",
    "optimal_factors",
    "pareto",
    "picture_embeddings",
    "pmi",
    "pointing",
    "pooled",
    "post_hoc_accuracy",
    "predict",
    "probe",
    "random_precision",
    "rank_agreement",
    "ranking",
    "recall",
    "remove_directions",
    "retrieval",
    "scores",
    "select",
    "shapley_weights",
    "siglip_floor",
    "strongest",
    "strongest_edges",
    "text_directions",
    "text_logits",
    "tokens",
    "word_edges",
    "zero_shot",
]
