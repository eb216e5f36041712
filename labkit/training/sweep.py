"""Sweeps: every run of a spec, in one process, resumable, one small record a run."""

import itertools
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labkit import data, models
from labkit.errors import unknown
from labkit.training.device import pick_device
from labkit.training.events import Control, Event
from labkit.training.fit import Teacher, fit
from labkit.training.methods import METHODS
from labkit.training.records import paired, summary
from labkit.training.run import run
from labkit.training.teach import bayes_teacher

KNOBS = ("temperature", "alpha")


def expand(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every run of a spec: the settings of each row with lists multiplied out, seed by seed.

    A row may name another `teacher`, or change the spec's `data` in part.
    """
    shared = {k: v for k, v in spec.items() if k not in ("baseline", "data", "rows", "teacher")}
    for label, row in spec["rows"].items():
        settings = {k: v for k, v in {**shared, **row}.items() if k != "against"}
        if "data" in row:
            settings["data"] = {**spec["data"], **row["data"]}
        names = [k for k, v in settings.items() if isinstance(v, list)]
        for values in itertools.product(*(settings[k] for k in names)):
            chosen = {**settings, **dict(zip(names, values, strict=True))}
            for seed in range(int(chosen.pop("seeds"))):
                yield {"label": label, **chosen, "seed": seed}


def sweep(spec: Mapping[str, Any], out: Path, *, device: str = "auto") -> list[dict[str, Any]]:
    """Run what `out` (JSON lines) does not hold yet; returns every record of the spec.

    Runs are ordered by seed so that an interrupted sweep still compares methods in pairs.
    """
    runs = sorted(expand(spec), key=lambda r: r["seed"])
    have = {_key(r["run"]): r for r in read(out)}
    _write(out, have.values())  # a line cut off by a kill must not spoil the next one
    missing = [r for r in runs if _key(r) not in have]
    where = pick_device(device)

    @lru_cache(maxsize=1)
    def pictures(described: str) -> data.Dataset:
        return data.load(**json.loads(described), progress=False).to(where)

    @lru_cache(maxsize=1)
    def answers(name: str | None, described: str) -> Replay | None:
        return None if name is None else Replay(_teacher(name, pictures(described), where))

    began = time.monotonic()
    for done, settings in enumerate(missing):
        if _key(settings) in have:  # another row asked for the same run
            continue
        described = json.dumps(settings.get("data", spec["data"]))
        teacher = answers(settings.get("teacher", spec.get("teacher")), described)
        record = {"run": settings, **one(settings, pictures(described), teacher, where)}
        have[_key(settings)] = record
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        left = (time.monotonic() - began) / (done + 1) * (len(missing) - done - 1)
        accuracy = record["result"]["test_accuracy"]
        print(
            f"{done + 1}/{len(missing)} {settings['label']} seed {settings['seed']}: "
            f"{accuracy:.1%}, {record['seconds']} s, {left / 60:.0f} min left",
            file=sys.stderr,
            flush=True,
        )
    return [have[_key(r)] | {"run": r} for r in runs]


def _teacher(name: str, dataset: data.Dataset, device: torch.device) -> Teacher:
    if name == "bayes":
        return bayes_teacher(dataset)
    network = models.load_teacher(name)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def one(
    settings: Mapping[str, Any],
    dataset: data.Dataset,
    teacher: "Replay | None",
    device: torch.device,
) -> dict[str, Any]:
    """One run and its record, without the parts that every run of the sweep shares."""
    if settings["method"] not in METHODS:
        raise unknown("method", settings["method"], METHODS)
    named = (
        "augment", "batch_size", "epochs", "learning_rate", "precision", "seed", "weight_decay",
    )  # fmt: skip
    uses_teacher = settings["method"] != "cross-entropy"
    if uses_teacher:
        if teacher is None:
            raise ValueError(f"the method {settings['method']!r} needs a teacher: name one")
        teacher.rewind(tuple(settings.get(k) for k in ("seed", "epochs", "batch_size")))
    events = fit(
        models.build(settings["student"], dataset.classes, seed=settings["seed"]),
        METHODS[settings["method"]](),
        dataset,
        teacher=teacher if uses_teacher else None,
        control=Control(**{k: float(settings[k]) for k in KNOBS if k in settings}),
        device=device,
        **{k: settings[k] for k in named if k in settings},
    )
    record = run(events, on_event=_silent)
    for point in record["curve"]:
        point.update({k: round(point[k], 4) for k in ("accuracy", "loss")})
        point["terms"] = {k: round(v, 4) for k, v in point["terms"].items()}
    del record["config"]
    return record


class Replay:
    """A teacher that remembers its answers: runs with one seed see the same crops in one order.

    The streams of `fit` make the n-th batch of a seed the same for every method, so the teacher
    need look at it once. `rewind(stream)` starts a run; another stream forgets the answers.
    """

    def __init__(self, teacher: Teacher) -> None:
        self.teacher, self.stream, self.at = teacher, None, 0
        self.answers: list[Tensor] = []

    def rewind(self, stream: Any) -> None:
        if stream != self.stream:
            self.stream, self.answers = stream, []
        self.at = 0

    def __call__(self, images: Tensor) -> models.Features:
        if self.at == len(self.answers):
            self.answers.append(self.teacher(images).logits.float())
        self.at += 1
        return models.Features((), images.new_empty(0), self.answers[self.at - 1])


def _silent(event: Event) -> None:
    """A sweep reports runs, not steps."""


def summarise(
    records: list[dict[str, Any]], baseline: str, against: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Per label and setting: test accuracy over seeds, and the paired difference to `baseline`.

    `against` (label -> label) names another row to be compared with.
    """
    groups: dict[str, dict[str, Any]] = {}
    for record in records:
        settings = {k: v for k, v in record["run"].items() if k != "seed"}
        group = groups.setdefault(json.dumps(settings, sort_keys=True), {"run": settings, "r": {}})
        group["r"][record["run"]["seed"]] = record
    first = {g["run"]["label"]: g["r"] for g in reversed(groups.values())}
    other = {label: (against or {}).get(label, baseline) for label in first}
    rows = [
        _row(g["run"], g["r"], first[other[g["run"]["label"]]])
        | {"against": other[g["run"]["label"]]}
        for g in groups.values()
    ]
    runs = {g["run"]["label"]: g["r"].values() for g in groups.values()}
    labels = [row["label"] for row in rows]
    single = {row["label"]: row for row in rows if labels.count(row["label"]) == 1}
    return {
        "rows": rows,
        "by_label": {label: row | {"curve": _band(runs[label])} for label, row in single.items()},
    }


def _band(runs: Iterable[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Validation accuracy epoch by epoch over the seeds: mean and standard deviation."""
    points = list(zip(*(r["curve"] for r in runs), strict=True))
    spread = [summary(p["accuracy"] for p in point) for point in points]
    return {
        "epoch": [point[0]["epoch"] for point in points],
        "mean": [round(s["mean"], 4) for s in spread],
        "std": [round(s["std"], 4) for s in spread],
    }


def _row(settings: dict[str, Any], runs: dict[int, Any], base: dict[int, Any]) -> dict[str, Any]:
    test = {seed: r["result"]["test_accuracy"] for seed, r in runs.items()}
    against = {seed: r["result"]["test_accuracy"] for seed, r in base.items()}
    return {
        **settings,
        "test_accuracy": summary(test.values()),
        "test_loss": summary(r["result"]["test_loss"] for r in runs.values()),
        "val_accuracy": summary(r["result"]["val_accuracy"] for r in runs.values()),
        "difference": paired(test, against),
        "seconds": summary(r["seconds"] for r in runs.values()),
    }


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON-lines file; a last line cut off by a kill is left out."""
    if not path.is_file():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return records


def _write(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    draft = path.with_suffix(".part")
    draft.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    draft.replace(path)


def _key(settings: Mapping[str, Any]) -> str:
    """What makes a run itself: its settings, whatever the row is called."""
    numbers = {k: float(v) if isinstance(v, int) else v for k, v in settings.items()}
    return json.dumps({k: v for k, v in numbers.items() if k != "label"}, sort_keys=True)
