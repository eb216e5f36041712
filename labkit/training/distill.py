"""Distillation by names: student, teacher and method put together, then `fit`."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from labkit import models
from labkit.data import Dataset
from labkit.training.device import pick_device
from labkit.training.events import Control, Event
from labkit.training.fit import fit, seed_of
from labkit.training.method import Method, Setting, Teacher
from labkit.training.recipes import usual
from labkit.training.registry import METHODS, make
from labkit.training.teach import bayes_teacher


def distill(
    student: str | nn.Module,
    teacher: str | Teacher | None,
    method: str | type | Method,
    dataset: Dataset,
    *,
    epochs: int,
    learning_rate: float | None = None,
    knobs: Mapping[str, float] | None = None,
    control: Control | None = None,
    seed: int = 0,
    device: torch.device | str = "auto",
    **settings: Any,
) -> Iterator[Event]:
    """Train `student` on `dataset` by `method` with `teacher`'s help: the events of `fit`.

    student: a name of `models.MODELS`, built with `seed`, or a network to go on with
    teacher: a shipped teacher's name, "bayes", anything images -> Features, or None
    method: a name of `METHODS`, a class made with a `Setting`, or the method itself
    knobs: values other than the method's usual ones; with a `control` its values hold
    learning_rate: None takes the usual one of the student's name (`recipes.usual`)
    Other settings are `fit`'s. With one seed all methods see the same student, batches and crops.
    Raises what `models.build`, `load_teacher` and `fit` raise.
    """
    place = pick_device(str(device))
    names = {"student": student, "teacher": teacher, "method": method}
    config = {k: v for k, v in names.items() if isinstance(v, str)}
    asked = METHODS[method].knobs if isinstance(method, str) and method in METHODS else {}
    values = {**asked, **(knobs or {})}
    if control is None:
        control = Control(**values)
    control.default(**values)
    given = {} if learning_rate is None else {"learning_rate": learning_rate}
    chosen = {**usual(student if isinstance(student, str) else ""), **given, **settings}
    network = build(student, dataset, seed)
    guide = guided(teacher, dataset)
    setting = Setting(features(network), None if guide is None else features(guide), dataset)
    return fit(
        network,
        make(method, setting, seed_of(seed, "method parameters")),
        dataset,
        teacher=guide,
        epochs=epochs,
        control=control,
        seed=seed,
        device=place,
        config=config,
        **chosen,
    )


def build(student: str | nn.Module, dataset: Dataset, seed: int) -> nn.Module:
    """The network itself, or the one of that name with the data set's classes."""
    if isinstance(student, str):
        return models.build(student, dataset.classes, seed=seed)
    return student


def guided(teacher: str | Teacher | None, dataset: Dataset) -> Teacher | None:
    """The teacher itself, or the one of that name."""
    if not isinstance(teacher, str):
        return teacher
    return bayes_teacher(dataset) if teacher == "bayes" else models.load_teacher(teacher)


@torch.no_grad()
def features(network: Teacher) -> models.Features:
    """What `network` answers to two blank pictures: the shapes a method builds on."""
    blank = torch.zeros(2, 3, 32, 32)
    if not isinstance(network, nn.Module):
        return network(blank)
    before = network.training
    try:
        return network.eval()(blank.to(next(network.parameters()).device))
    finally:
        network.train(before)
