"""Losses: one paper, one file; pure functions first."""

from labkit.losses import mutual_information
from labkit.losses.at import at, attention_map
from labkit.losses.ckd import ckd, ckd_band, ckd_pairs
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
from labkit.losses.rkd import rkd, rkd_angle, rkd_distance
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

__all__ = [
    "CRD",
    "MIMKD",
    "VID",
    "DkdTerms",
    "LipschitzCritic",
    "MimkdCritic",
    "MimkdScores",
    "MimkdTerms",
    "WCoRD",
    "WcordTerms",
    "alignment",
    "at",
    "attention_map",
    "ckd",
    "ckd_band",
    "ckd_pairs",
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
    "nt_xent",
    "pkt",
    "rkd",
    "rkd_angle",
    "rkd_distance",
    "sinkhorn",
    "sp",
    "triplet",
    "triplet_margin",
    "uniformity",
    "vid",
    "wcord_global",
    "wcord_local",
    "wcord_supremum",
]
