"""Pictures to learn from: Motif-100, which draws itself, and your own folders of images."""

from labkit.data import augment, captions, gaussians, motif, pairs, text
from labkit.data.batches import batches
from labkit.data.cifar10h import cifar10h, human_labels
from labkit.data.sources import load
from labkit.data.tokens import Tokenizer
from labkit.data.types import Batch, Dataset, Split

__all__ = [
    "Batch",
    "Dataset",
    "Split",
    "Tokenizer",
    "augment",
    "batches",
    "captions",
    "cifar10h",
    "gaussians",
    "human_labels",
    "load",
    "motif",
    "pairs",
    "text",
]
