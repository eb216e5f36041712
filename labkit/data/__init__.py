"""Pictures to learn from: Motif-100, which draws itself, and your own folders of images."""

from labkit.data import motif
from labkit.data.batches import batches
from labkit.data.sources import load
from labkit.data.types import Batch, Dataset, Split

__all__ = ["Batch", "Dataset", "Split", "batches", "load", "motif"]
