"""CIFAR-scale networks by name, heads, and the trained teachers that ship."""

from labkit.models.critics import BilinearCritic, ConcatCritic, SeparableCritic
from labkit.models.features import Features
from labkit.models.heads import FeatureAdapter, Projection
from labkit.models.registry import MODELS, build, macs, parameters
from labkit.models.teachers import load_teacher, save_teacher, teacher_card

__all__ = [
    "MODELS",
    "BilinearCritic",
    "ConcatCritic",
    "FeatureAdapter",
    "Features",
    "Projection",
    "SeparableCritic",
    "build",
    "load_teacher",
    "macs",
    "parameters",
    "save_teacher",
    "teacher_card",
]
