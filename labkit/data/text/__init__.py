"""Sentences with labels: generated ones whose word interactions are known, and files of yours."""

from labkit.data.text.grammar import KINDS, PAIRS, interactions, rule
from labkit.data.text.read import read_labelled, read_polarity
from labkit.data.text.sentences import Sentences, tokenizer

__all__ = [
    "KINDS", "PAIRS", "Sentences", "interactions", "read_labelled", "read_polarity", "rule",
    "tokenizer",
]  # fmt: skip
