"""Sweeps: every run of a spec, in one process, resumable, one small record a run."""

import itertools
import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from labkit.errors import whole
from labkit.training.records import paired, summary
from labkit.training.workers import worker

NOT_SETTINGS = (
    "baseline", "data", "inside", "notebook", "pairs", "rows", "solution", "teacher",
)  # fmt: skip

Settings = dict[str, Any]
Found = dict[str, Any] | Exception  # a record, or why there is none
Engine = Callable[
    [Sequence[Settings], Mapping[str, Any], Path, str], Iterable[tuple[Settings, Found]]
]


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
        if "seeds" not in chosen:  # a notebook's own SEED is one of its parameters
            yield {"label": label, **chosen}
        for seed in range(int(chosen.pop("seeds", 0))):
            yield {"label": label, **chosen, "seed": seed}


def sweep(
    spec: Mapping[str, Any], out: Path, *, device: str = "auto", engine: Engine | None = None
) -> list[dict[str, Any]]:
    """Run what `out` (JSON lines) does not hold yet; returns every record of the spec.

    Runs are ordered by seed so that an interrupted sweep still compares methods in pairs.
    `engine` is who does them: here, one after another, unless given (`ray_engine.Ray`). A run that
    fails does not stop the others; RunsFailed tells at the end. ValueError for a wrong spec.
    """
    runs = sorted(expand(spec), key=lambda r: (r.get("seed", 0), str(r.get("pair"))))
    for run in runs if "notebook" not in spec else ():
        whole(f"seeds of {run['label']!r}", run.get("seed"), 0)
    have = {_key(r["run"]): r for r in read(out)}
    _write(out, have.values())  # a line cut off by a kill must not spoil the next one
    missing = [*{_key(r): r for r in runs if _key(r) not in have}.values()]
    failed = []
    began = time.monotonic()
    for done, (settings, found) in enumerate((engine or here)(missing, spec, out, device)):
        left = (time.monotonic() - began) / (done + 1) * (len(missing) - done - 1)
        said = f"{done + 1}/{len(missing)} {_titled(settings)}: "
        if isinstance(found, Exception):
            failed.append(said + f"{type(found).__name__}: {found}")
            said = failed[-1]
        else:
            record = have[_key(settings)] = {"run": settings, **found}
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            said += f"{_came_to(record)}, {record['seconds']} s"
        print(f"{said}, {left / 60:.0f} min left", file=sys.stderr, flush=True)
    if failed:
        raise RunsFailed(
            f"{len(failed)} of {len(missing)} runs failed; the others are in {out}, and the same "
            "command tries these again:\n  " + "\n  ".join(failed)
        )
    return [have[_key(r)] | {"run": r} for r in runs]


class RunsFailed(Exception):
    """Some runs of a sweep ended without a record; the message names them and says why."""


def here(
    missing: Sequence[Settings], spec: Mapping[str, Any], out: Path, device: str
) -> Iterator[tuple[Settings, Found]]:
    """Do the runs in this process, one after another."""
    does = worker(spec, out, device)
    for settings in missing:
        try:
            yield settings, does.run(settings)
        except (FloatingPointError, OSError, RuntimeError) as error:
            yield settings, error


def _titled(settings: Mapping[str, Any]) -> str:
    """A run for a reader."""
    return " ".join([_name(settings), *(f"seed {settings[k]}" for k in ("seed",) if k in settings)])


def _came_to(record: Mapping[str, Any]) -> str:
    """The one number of a training, or where the notebook is."""
    if "notebook" in record:
        return str(record["notebook"])
    return f"{record['result']['test_accuracy']:.1%}"


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
    taken = {name for group in groups.values() for name in group["run"]}
    rows = []
    for group in groups.values():
        rival = (against or {}).get(group["run"]["label"], baseline)
        base = first.get(_name(group["run"] | {"label": rival}))
        rows.append(_row(group["run"], group["r"], base, taken) | {"against": rival})
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
    settings: dict[str, Any],
    runs: dict[int, Any],
    base: dict[int, Any] | None,
    taken: Collection[str],
) -> dict[str, Any]:
    """Means over seeds; no difference where the row to compare with did not run for the pair.

    A result that is called like a setting of any row (`scale`) comes as "final_scale".
    """
    results = [r["result"] for r in runs.values()]
    test = {seed: r["result"]["test_accuracy"] for seed, r in runs.items()}
    against = {seed: r["result"]["test_accuracy"] for seed, r in (base or {}).items()}
    return {
        **settings,
        **{
            f"final_{name}" if name in taken else name: summary(r[name] for r in results)
            for name in sorted(results[0])
        },
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
