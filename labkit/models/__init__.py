"""CIFAR-scale networks by name, heads, and the trained teachers that ship."""

from labkit.models.critics import BilinearCritic, ConcatCritic, SeparableCritic
from labkit.models.features import Features
from labkit.models.heads import FeatureAdapter, Projection
from labkit.models.image_text import ImageText, load_image_text, save_image_text
from labkit.models.registry import MODELS, build, macs, parameters
from labkit.models.teachers import load_teacher, save_teacher, teacher_card
from labkit.models.text import TEXT_MODELS, Reading, TextClassifier, build_text
from labkit.models.wigraph import WIGRAPH, WordGraph, straight_through

__all__ = [
    "MODELS",
    "TEXT_MODELS",
    "WIGRAPH",
    "BilinearCritic",
    "ConcatCritic",
    "FeatureAdapter",
    "Features",
    "ImageText",
    "Projection",
    "Reading",
    "SeparableCritic",
    "TextClassifier",
    "WordGraph",
    "build",
    "build_text",
    "load_image_text",
    "load_teacher",
    "macs",
    "parameters",
    "save_image_text",
    "save_teacher",
    "straight_through",
    "teacher_card",
]
