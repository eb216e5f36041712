"""Exercises that check themselves: one module a lab."""

from labkit.exercises import (
    lab00,
    lab01,
    lab02,
    lab03,
    lab04,
    lab05,
    lab06,
    lab07,
    lab08,
    lab09,
    lab10,
)
from labkit.exercises.check import Exercise, Verdict

__all__ = [
    "Exercise",
    "Verdict",
    "lab00",
    "lab01",
    "lab02",
    "lab03",
    "lab04",
    "lab05",
    "lab06",
    "lab07",
    "lab08",
    "lab09",
    "lab10",
]
