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
from torch import nn

from labkit import data, models
from labkit.training.device import pick_device
from labkit.training.distill import features, guided
from labkit.training.events import Control, Event
from labkit.training.fit import fit, seed_of
from labkit.training.method import Setting, Teacher
from labkit.training.records import paired, summary
from labkit.training.registry import entry, make
from labkit.training.replay import Replay
from labkit.training.run import run

EXTRA = ("alpha", "kd_temperature", "negatives")  # knobs a method has only if a row says so
NOT_SETTINGS = ("baseline", "data", "pairs", "rows", "teacher")


def expand(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every run of a spec: the settings of each row with lists multiplied out, seed by seed.

    A row may name another `teacher`, or change the spec's `data` in part. Where the spec has
    `pairs` (name -> student, teacher, ...), each row runs for all of them, or for those it names.
    """
    shared = {k: v for k, v in spec.items() if k not in NOT_SETTINGS}
    for label, row in spec["rows"].items():
        for pair in row.get("pairs", spec.get("pairs", [None])):
            chosen = {} if pair is None else {"pair": pair, **spec["pairs"][pair]}
            settings = {**shared, **chosen, **row}
            if "data" in row:
                settings["data"] = {**spec["data"], **row["data"]}
            yield from _runs(label, settings)


def _runs(label: str, settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    settings = {k: v for k, v in settings.items() if k not in ("against", "pairs")}
    names = [k for k, v in settings.items() if isinstance(v, list)]
    for values in itertools.product(*(settings[k] for k in names)):
        chosen = {**settings, **dict(zip(names, values, strict=True))}
        for seed in range(int(chosen.pop("seeds"))):
            yield {"label": label, **chosen, "seed": seed}


def sweep(spec: Mapping[str, Any], out: Path, *, device: str = "auto") -> list[dict[str, Any]]:
    """Run what `out` (JSON lines) does not hold yet; returns every record of the spec.

    Runs are ordered by seed so that an interrupted sweep still compares methods in pairs.
    """
    runs = sorted(expand(spec), key=lambda r: (r["seed"], str(r.get("pair"))))
    have = {_key(r["run"]): r for r in read(out)}
    _write(out, have.values())  # a line cut off by a kill must not spoil the next one
    missing = [r for r in runs if _key(r) not in have]
    where = pick_device(device)

    @lru_cache(maxsize=1)
    def pictures(described: str) -> data.Dataset:
        return data.load(**json.loads(described), progress=False).to(where)

    @lru_cache(maxsize=1)
    def answers(name: str | None, described: str) -> Replay | None:
        return None if name is None else Replay(_placed(guided(name, pictures(described)), where))

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
            f"{done + 1}/{len(missing)} {_name(settings)} seed {settings['seed']}: "
            f"{accuracy:.1%}, {record['seconds']} s, {left / 60:.0f} min left",
            file=sys.stderr,
            flush=True,
        )
    return [have[_key(r)] | {"run": r} for r in runs]


def _placed(teacher: Teacher | None, device: torch.device) -> Teacher:
    assert teacher is not None
    if isinstance(teacher, nn.Module):
        return teacher.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return teacher


def one(
    settings: Mapping[str, Any],
    dataset: data.Dataset,
    teacher: Replay | None,
    device: torch.device,
) -> dict[str, Any]:
    """One run and its record, without the parts that every run of the sweep shares."""
    method = entry(settings["method"])
    named = (
        "augment", "batch_size", "epochs", "learning_rate", "optimiser", "precision", "schedule",
        "seed", "weight_decay",
    )  # fmt: skip
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
        **{k: settings[k] for k in named if k in settings},
    )
    record = run(events, on_event=_silent)
    for point in record["curve"]:
        point.update({k: round(point[k], 4) for k in ("accuracy", "loss")})
        point["terms"] = {k: round(v, 4) for k, v in point["terms"].items()}
    del record["config"]
    return record


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
    first = {_name(g["run"]): g["r"] for g in reversed(groups.values())}
    rows = []
    for group in groups.values():
        rival = (against or {}).get(group["run"]["label"], baseline)
        base = first.get(_name(group["run"] | {"label": rival}))
        rows.append(_row(group["run"], group["r"], base) | {"against": rival})
    runs = {_name(g["run"]): g["r"].values() for g in groups.values()}
    labels = [_name(row) for row in rows]
    single = {_name(row): row for row in rows if labels.count(_name(row)) == 1}
    return {
        "rows": rows,
        "by_label": {label: row | {"curve": _band(runs[label])} for label, row in single.items()},
    }


def _name(settings: Mapping[str, Any]) -> str:
    """A row's name: its label, after its pair where there are pairs."""
    return f"{settings['pair']}/{settings['label']}" if "pair" in settings else settings["label"]


def _band(runs: Iterable[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Validation accuracy epoch by epoch over the seeds: mean and standard deviation."""
    points = list(zip(*(r["curve"] for r in runs), strict=True))
    spread = [summary(p["accuracy"] for p in point) for point in points]
    return {
        "epoch": [point[0]["epoch"] for point in points],
        "mean": [round(s["mean"], 4) for s in spread],
        "std": [round(s["std"], 4) for s in spread],
    }


def _row(
    settings: dict[str, Any], runs: dict[int, Any], base: dict[int, Any] | None
) -> dict[str, Any]:
    """Means over seeds; no difference where the row to compare with did not run for the pair."""
    test = {seed: r["result"]["test_accuracy"] for seed, r in runs.items()}
    against = {seed: r["result"]["test_accuracy"] for seed, r in (base or {}).items()}
    return {
        **settings,
        "test_accuracy": summary(test.values()),
        "test_loss": summary(r["result"]["test_loss"] for r in runs.values()),
        "val_accuracy": summary(r["result"]["val_accuracy"] for r in runs.values()),
        "difference": paired(test, against) if test.keys() & against.keys() else None,
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
