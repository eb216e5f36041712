"""Pure functions: arrays in, a plotly Figure out, with one sentence that says what it shows."""

from labkit.figures import (
    circle,
    ckd,
    ckd_band,
    ckd_records,
    contrast,
    exact,
    kd,
    motif,
    mutual_information,
    negatives,
    records,
    staircase,
    style,
    theory,
)
from labkit.figures.style import caption

__all__ = [
    "caption",
    "circle",
    "ckd",
    "ckd_band",
    "ckd_records",
    "contrast",
    "exact",
    "kd",
    "motif",
    "mutual_information",
    "negatives",
    "records",
    "staircase",
    "style",
    "theory",
]
