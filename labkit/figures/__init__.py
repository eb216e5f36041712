"""Pure functions: arrays in, a plotly Figure out, with one sentence that says what it shows."""

from labkit.figures import exact, kd, motif, records, style
from labkit.figures.style import caption

__all__ = ["caption", "exact", "kd", "motif", "records", "style"]
