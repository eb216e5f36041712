"""Losses: one paper, one file; pure functions first."""

from labkit.losses import mutual_information
from labkit.losses.at import at, attention_map
from labkit.losses.ckd import ckd, ckd_band, ckd_pairs
from labkit.losses.clip import clip, clip_scores
from labkit.losses.clip_lite import (
    ClipLite,
    ClipLiteConcat,
    ClipLiteDot,
    ClipLiteTerms,
    ResidualHead,
    UniformPrior,
    clip_lite,
    clip_lite_jsd,
    clip_lite_scores,
)
from labkit.losses.contrast import alignment, info_nce, nt_xent, uniformity
from labkit.losses.crd import CRD, crd_chance, crd_floor, nce
from labkit.losses.dist import dist
from labkit.losses.dkd import DkdTerms, dkd, dkd_terms
from labkit.losses.fitnet import fitnet
from labkit.losses.kd import kd
from labkit.losses.mimkd import (
    MIMKD,
    MimkdCritic,
    MimkdScores,
    MimkdTerms,
    mimkd_heat,
    mimkd_jsd,
    mimkd_nats,
    mimkd_scores,
)
from labkit.losses.pkt import pkt
from labkit.losses.ranking import ranking
from labkit.losses.rkd import rkd, rkd_angle, rkd_distance
from labkit.losses.siglip import siglip
from labkit.losses.sp import sp
from labkit.losses.transport import cosine_cost, ipot, marginal_error, sinkhorn
from labkit.losses.triplet import triplet, triplet_margin
from labkit.losses.vid import VID, vid
from labkit.losses.wcord import (
    LipschitzCritic,
    WCoRD,
    WcordTerms,
    wcord_global,
    wcord_local,
    wcord_supremum,
)
from labkit.losses.wigraph import WigraphTerms, negative_entropy, wigraph, wigraph_terms

__all__ = [
    "CRD",
    "MIMKD",
    "VID",
    "ClipLite",
    "ClipLiteConcat",
    "ClipLiteDot",
    "ClipLiteTerms",
    "DkdTerms",
    "LipschitzCritic",
    "MimkdCritic",
    "MimkdScores",
    "MimkdTerms",
    "ResidualHead",
    "UniformPrior",
    "WCoRD",
    "WcordTerms",
    "WigraphTerms",
    "alignment",
    "at",
    "attention_map",
    "ckd",
    "ckd_band",
    "ckd_pairs",
    "clip",
    "clip_lite",
    "clip_lite_jsd",
    "clip_lite_scores",
    "clip_scores",
    "cosine_cost",
    "crd_chance",
    "crd_floor",
    "dist",
    "dkd",
    "dkd_terms",
    "fitnet",
    "info_nce",
    "ipot",
    "kd",
    "marginal_error",
    "mimkd_heat",
    "mimkd_jsd",
    "mimkd_nats",
    "mimkd_scores",
    "mutual_information",
    "nce",
    "negative_entropy",
    "nt_xent",
    "pkt",
    "ranking",
    "rkd",
    "rkd_angle",
    "rkd_distance",
    "siglip",
    "sinkhorn",
    "sp",
    "triplet",
    "triplet_margin",
    "uniformity",
    "vid",
    "wcord_global",
    "wcord_local",
    "wcord_supremum",
    "wigraph",
    "wigraph_terms",
]
