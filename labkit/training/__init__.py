"""Training: a generator of events, three ways to drive it, recipes, records."""

from labkit.training.budgets import BUDGETS, Budget, budget
from labkit.training.device import pick_device, pick_precision
from labkit.training.distill import distill
from labkit.training.doctor import doctor
from labkit.training.estimation import estimate
from labkit.training.events import (
    Checkpoint,
    Control,
    Done,
    Evaluation,
    Event,
    KnobChange,
    Start,
    Step,
)
from labkit.training.fit import fit, streams
from labkit.training.image_text import fit_pairs
from labkit.training.image_text_method import PAIR_LOSSES, unseen_combinations
from labkit.training.method import Setting
from labkit.training.methods import cross_entropy, distillation
from labkit.training.recipes import RECIPES, recipe
from labkit.training.records import (
    keep,
    paired,
    percent,
    reference,
    reference_runs,
    summary,
    told,
    versions,
)
from labkit.training.registry import METHODS
from labkit.training.run import Run, pick_driver, run
from labkit.training.script import script
from labkit.training.teach import bayes_teacher, examine, teach
from labkit.training.text import fit_text

__all__ = [
    "BUDGETS",
    "METHODS",
    "PAIR_LOSSES",
    "RECIPES",
    "Budget",
    "Checkpoint",
    "Control",
    "Done",
    "Evaluation",
    "Event",
    "KnobChange",
    "Run",
    "Setting",
    "Start",
    "Step",
    "bayes_teacher",
    "budget",
    "cross_entropy",
    "distill",
    "distillation",
    "doctor",
    "estimate",
    "examine",
    "fit",
    "fit_pairs",
    "fit_text",
    "keep",
    "paired",
    "percent",
    "pick_device",
    "pick_driver",
    "pick_precision",
    "recipe",
    "reference",
    "reference_runs",
    "run",
    "script",
    "streams",
    "summary",
    "teach",
    "told",
    "unseen_combinations",
    "versions",
]
