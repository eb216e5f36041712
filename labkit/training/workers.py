"""What does one run of a sweep: a training, one of pairs or of sentences, or a lab's notebook."""

import json
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from labkit import data, models
from labkit.training.device import pick_device
from labkit.training.distill import features, guided
from labkit.training.events import Control, Event
from labkit.training.fit import fit, seed_of
from labkit.training.image_text_runs import Captioned
from labkit.training.inside import inside
from labkit.training.method import Setting
from labkit.training.records import brief
from labkit.training.registry import entry, make
from labkit.training.replay import Replay
from labkit.training.run import run
from labkit.training.text_runs import Texts

EXTRA = ("alpha", "kd_temperature", "negatives")  # knobs a method has only if a row says so
NAMED = (
    "augment", "batch_size", "epochs", "learning_rate", "optimiser", "precision", "schedule",
    "seed", "weight_decay",
)  # fmt: skip


class Worker(Protocol):
    """Does runs one after another and may keep what the next one can use."""

    def run(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The run's record."""


def worker(spec: Mapping[str, Any], out: Path, device: str = "auto") -> Worker:
    """The worker that a spec asks for; notebooks are written into the folder named as `out`."""
    if "notebook" in spec:
        return Notebooks(spec, out.with_suffix(""))
    if "captions" in spec:
        return Captioned(spec, device)
    if "text" in spec:
        return Texts(spec, device)
    return Trainer(spec, device)


class Trainer:
    """Trains; the last pictures and the last teacher's answers stay in memory."""

    def __init__(self, spec: Mapping[str, Any], device: str = "auto") -> None:
        self.spec, self.device = spec, pick_device(device)
        self.pictures = lru_cache(maxsize=1)(self._pictures)
        self.answers = lru_cache(maxsize=1)(self._answers)

    def run(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """One training; `settings` are those of `sweep.expand`."""
        described = json.dumps(settings.get("data", self.spec["data"]))
        name = settings.get("teacher", self.spec.get("teacher"))
        teacher = None if name is None else self.answers(name, described)
        look = bool(self.spec.get("inside", False))
        return one(settings, self.pictures(described), teacher, self.device, look=look)

    def _pictures(self, described: str) -> data.Dataset:
        return data.load(**json.loads(described), progress=False).to(self.device)

    def _answers(self, name: str, described: str) -> Replay:
        teacher = guided(name, self.pictures(described))
        assert teacher is not None
        if isinstance(teacher, nn.Module):
            last = torch.channels_last
            teacher = teacher.to(self.device, memory_format=last)  # type: ignore[call-overload]
        return Replay(teacher)


def one(
    settings: Mapping[str, Any],
    dataset: data.Dataset,
    teacher: Replay | None,
    device: torch.device,
    *,
    look: bool = False,
) -> dict[str, Any]:
    """One run and its record, without the parts that every run of the sweep shares.

    With `look` the record has the student's `inside`, too, compared with the spec's teacher.
    """
    method = entry(settings["method"])
    guide = None
    if method.asks != "nothing":
        if teacher is None:
            raise ValueError(f"the method {settings['method']!r} needs a teacher: name one")
        stream = tuple(settings.get(k) for k in ("seed", "epochs", "batch_size", "augment"))
        guide = teacher.rewind(stream, method.asks)
    student = models.build(settings["student"], dataset.classes, seed=settings["seed"])
    taught = None if guide is None else features(guide.teacher)
    setting = Setting(features(student), taught, dataset)
    knobs = {k: settings.get(k, v) for k, v in method.knobs.items()}
    knobs |= {k: settings[k] for k in EXTRA if k in settings}
    events = fit(
        student,
        make(settings["method"], setting, seed_of(settings["seed"], "method parameters")),
        dataset,
        teacher=guide,
        control=Control(**{k: float(v) for k, v in knobs.items()}),
        device=device,
        **{k: settings[k] for k in NAMED if k in settings},
    )
    record = brief(run(events, on_event=_silent))
    if look:
        if teacher is None:
            raise ValueError("inside compares the student with a teacher: name one")
        record["inside"] = inside(student, teacher.teacher, dataset)
    return record


def _silent(event: Event) -> None:
    """A sweep reports runs, not steps."""


class Notebooks:
    """Runs a lab's notebook by papermill with other parameters; what it came to is kept whole.

    spec: notebook, a lab's number or a notebook's path; solution, true for the solved one
    """

    def __init__(self, spec: Mapping[str, Any], folder: Path) -> None:
        from labkit import notebooks

        solved = bool(spec.get("solution", False))
        self.lab = notebooks.find(str(spec["notebook"]), solution=solved)
        self.folder = folder

    def run(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """One notebook; OSError tells the cell that failed."""
        from labkit import notebooks

        chosen = {k: v for k, v in settings.items() if k != "label"}
        name = "-".join([settings["label"], *(f"{k}={v}" for k, v in chosen.items())])
        safe = "".join(c if c.isalnum() or c in "=.-_" else "_" for c in name)
        began = time.monotonic()
        done = notebooks.run(self.lab, chosen, self.folder / f"{safe}.ipynb")
        if done.error is not None:
            raise OSError(f"{done.error}\nWhat it got to is in {done.path}")
        seconds = round(time.monotonic() - began, 1)
        return {"notebook": str(done.path), "seconds": seconds, "printed": _printed(done.path)}


def _printed(path: Path) -> dict[str, str]:
    """What the cells tagged `name:...` printed."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found = {}
    for cell in cells:
        tags = cell["metadata"].get("tags", [])
        names = [tag.removeprefix("name:") for tag in tags if tag.startswith("name:")]
        streams = ["".join(o["text"]) for o in cell.get("outputs", []) if "text" in o]
        found.update({name: "".join(streams) for name in names})
    return found
