"""Losses: one paper, one file; pure functions first."""

from labkit.losses.at import at, attention_map
from labkit.losses.dist import dist
from labkit.losses.dkd import DkdTerms, dkd, dkd_terms
from labkit.losses.fitnet import fitnet
from labkit.losses.kd import kd
from labkit.losses.pkt import pkt
from labkit.losses.rkd import rkd, rkd_angle, rkd_distance
from labkit.losses.sp import sp
from labkit.losses.vid import VID, vid

__all__ = [
    "VID",
    "DkdTerms",
    "at",
    "attention_map",
    "dist",
    "dkd",
    "dkd_terms",
    "fitnet",
    "kd",
    "pkt",
    "rkd",
    "rkd_angle",
    "rkd_distance",
    "sp",
    "vid",
]
