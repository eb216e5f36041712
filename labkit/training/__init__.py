"""Training: a generator of events, three ways to drive it, recipes, records."""

from labkit.training.budgets import BUDGETS, Budget, budget
from labkit.training.device import pick_device, pick_precision
from labkit.training.doctor import doctor
from labkit.training.events import (
    Control,
    Done,
    Evaluation,
    Event,
    KnobChange,
    Start,
    Step,
)
from labkit.training.fit import fit, streams
from labkit.training.methods import METHODS, cross_entropy, distillation
from labkit.training.records import keep, paired, reference, summary, versions
from labkit.training.run import Run, pick_driver, run
from labkit.training.teach import bayes_teacher, teach

__all__ = [
    "BUDGETS",
    "METHODS",
    "Budget",
    "Control",
    "Done",
    "Evaluation",
    "Event",
    "KnobChange",
    "Run",
    "Start",
    "Step",
    "bayes_teacher",
    "budget",
    "cross_entropy",
    "distillation",
    "doctor",
    "fit",
    "keep",
    "paired",
    "pick_device",
    "pick_driver",
    "pick_precision",
    "reference",
    "run",
    "streams",
    "summary",
    "teach",
    "versions",
]
