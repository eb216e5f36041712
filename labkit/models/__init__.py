"""CIFAR-scale networks by name, and the trained teachers that ship."""

from labkit.models.features import Features
from labkit.models.registry import MODELS, build, parameters
from labkit.models.teachers import load_teacher, save_teacher, teacher_card

__all__ = [
    "MODELS",
    "Features",
    "build",
    "load_teacher",
    "parameters",
    "save_teacher",
    "teacher_card",
]
