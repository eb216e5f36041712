"""The methods that sweeps, panels and `distill` know by name."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from labkit.errors import unknown
from labkit.training import baselines, methods
from labkit.training.baselines import Hint, Taught, Variational
from labkit.training.contrastive_methods import Contrast, Filled, Wasserstein
from labkit.training.method import Method, Setting
from labkit.training.mimkd_method import Information

KD = {"temperature": 4.0, "alpha": 0.9}
CKD = {"temperature": 1.0, "beta": 10.0}
WCORD = {  # no published code: chosen on validation pictures (lab06-surface)
    "lambda_global": 5.0,
    "lambda_local": 0.05,
    "epsilon": 0.5,
    "negatives": 63,
}
MIMKD = {  # no published code: chosen on validation pictures (lab07-surface)
    "weight_global": 1.0,
    "weight_local": 1.0,
    "weight_feature": 1.0,
    "temperature": 0.2,
    "negatives": 63,
}
CRD = {"temperature": 0.07, "beta": 0.8, "negatives": 16384}


class Entry(NamedTuple):
    """How a method is made, its knobs and their usual values, and what it asks of the teacher.

    asks is "nothing", "logits", "pooled", "small maps" (8 x 8 is enough: a sweep can keep them) or
    "maps"; each includes the ones before it.
    """

    make: Callable[[Setting], Method]
    knobs: Mapping[str, float] = {}
    asks: str = "logits"


METHODS: dict[str, Entry] = {
    "cross-entropy": Entry(lambda _: methods.cross_entropy, asks="nothing"),
    "kd": Entry(lambda _: methods.distillation, KD),
    "kd-shuffled": Entry(lambda _: methods.ShuffledTeacher(), KD),
    "label-smoothing": Entry(lambda _: methods.smoothed_labels, KD),
    "kd-mean": Entry(lambda _: methods.distillation_mean, KD),
    "dkd": Entry(
        lambda _: Taught("dkd", baselines.decoupled),
        {"temperature": 4.0, "beta": 1.0, "nontarget": 8.0},
    ),
    "dist": Entry(
        lambda _: Taught("dist", baselines.correlation), {"temperature": 4.0, "beta": 2.0}
    ),
    "ckd": Entry(lambda _: Taught("ckd", baselines.Pairs()), CKD),
    "ckd-masked": Entry(lambda _: Taught("ckd", baselines.Pairs(masked=True)), CKD),
    "ckd-student": Entry(lambda _: Taught("ckd", baselines.Pairs(pairs="student-student")), CKD),
    "ckd-attract": Entry(lambda _: Taught("ckd", baselines.attract), CKD),
    "rkd": Entry(lambda _: Taught("rkd", baselines.relations), {"beta": 1.0}, "pooled"),
    "pkt": Entry(lambda _: Taught("pkt", baselines.probabilities), {"beta": 30_000.0}, "pooled"),
    "fitnet": Entry(lambda setting: Taught("fitnet", Hint(setting)), {"beta": 100.0}, "maps"),
    "at": Entry(lambda _: Taught("at", baselines.attention), {"beta": 1000.0}, "maps"),
    "sp": Entry(lambda _: Taught("sp", baselines.similarity), {"beta": 3000.0}, "maps"),
    "vid": Entry(lambda setting: Taught("vid", Variational(setting)), {"beta": 1.0}, "maps"),
    "crd": Entry(lambda setting: Taught("crd", Contrast(setting)), CRD, "pooled"),
    "crd-filled": Entry(lambda setting: Taught("crd", Filled(setting)), CRD, "pooled"),
    "crd-unlabelled": Entry(
        lambda setting: Taught("crd", Filled(setting, labels=False)), CRD, "pooled"
    ),
    "crd-ema": Entry(
        lambda setting: Taught("crd", Filled(setting, normaliser="ema")),
        CRD,
        "pooled",
    ),
    "crd-exact": Entry(
        lambda setting: Taught("crd", Filled(setting, normaliser="exact")),
        CRD,
        "pooled",
    ),
    "wcord": Entry(lambda setting: Wasserstein(setting), WCORD, "pooled"),
    "wcord-identity": Entry(
        lambda setting: Wasserstein(setting, solver="identity"), WCORD, "pooled"
    ),
    "wcord-collapsing": Entry(
        lambda setting: Wasserstein(setting, both_heads=True), WCORD, "pooled"
    ),
    "mimkd": Entry(lambda setting: Information(setting), MIMKD, "small maps"),
}


def entry(name: str) -> Entry:
    """The method of that name; ValueError lists them."""
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]


def make(method: "str | type | Method", setting: Setting, seed: int = 0) -> Method:
    """The method of that name, or of that class; an object is returned as it is.

    What it draws to initialise itself comes from `seed` alone, and moves no other generator.
    """
    made = entry(method).make if isinstance(method, str) else method
    if not isinstance(method, (str, type)):
        return method
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return made(setting)  # type: ignore[call-arg, arg-type, return-value]
