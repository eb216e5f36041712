"""Training: a generator of events, three ways to drive it, recipes, records."""

from labkit.training.budgets import BUDGETS, Budget, budget
from labkit.training.device import pick_device, pick_precision
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
from labkit.training.records import paired, reference, summary, versions
from labkit.training.run import Run, pick_driver, run
from labkit.training.teach import teach

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
    "budget",
    "cross_entropy",
    "distillation",
    "fit",
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
