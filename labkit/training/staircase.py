"""The recorded estimates of lab 02: every objective climbs the stair, seed by seed, resumable.

`python -m labkit.training.staircase` runs what data/reference/lab02.jsonl does not hold yet, at
3 ms a step of an idle core (330,000 steps in all), then writes lab02.json.
"""

import json
import math
import statistics
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from labkit.errors import unknown
from labkit.losses import mutual_information as mi
from labkit.training.estimation import Bound, estimate
from labkit.training.events import Done, Step
from labkit.training.records import REFERENCE, summary
from labkit.training.sweep import read

POINTS = 40  # of a recorded curve, a stage
# Every row of a seed starts from the same critic and sees the same pairs. The critic trained by
# jsd is read in six ways, which differ in nothing but the number reported.
SPEC: dict[str, Any] = {
    "stages": [2, 4, 6, 8, 10],  # nats
    "steps": 4000,  # a stage; estimates are means over its last quarter
    "batch_size": 64,
    "dim": 20,
    "learning_rate": 5e-4,
    "seeds": 3,
    "rows": {
        "info_nce": {"objective": "info_nce"},
        "jsd": {"objective": "jsd"},
        "interpolated-0.0067": {"objective": "interpolated", "alpha": 0.0067, "steps": 2000},
        "interpolated-0.5": {"objective": "interpolated", "alpha": 0.5, "steps": 2000},
        "interpolated-0.9933": {"objective": "interpolated", "alpha": 0.9933, "steps": 2000},
        "nwj": {"objective": "nwj"},
        "dv": {"objective": "dv"},
    },
}


class Mine:
    """`mi.mine` as a bound: it remembers the running mean from batch to batch."""

    def __init__(self, momentum: float = 0.9) -> None:
        self.momentum, self.state = momentum, None

    def __call__(self, scores: Tensor) -> Tensor:
        value, self.state = mi.mine(scores, self.state, momentum=self.momentum)  # type: ignore[assignment]
        return value


def objective(name: str, alpha: float = 0.5) -> tuple[Bound, dict[str, Bound]]:
    """What the row `name` trains, and what is read from its critic, by name.

    One critic trained by "jsd" is read in six ways. `alpha` is for "interpolated", whose
    baseline is 1. ValueError for another name.
    """
    plain: dict[str, Bound] = {"info_nce": mi.info_nce, "nwj": mi.nwj, "dv": mi.dv}
    between = partial(mi.interpolated, alpha=alpha, log_baseline=0.0)
    rows: dict[str, Bound] = {**plain, "mine": Mine(), "interpolated": between, "jsd": mi.jsd}
    if name not in rows:
        raise unknown("objective", name, rows)
    if name != "jsd":
        return rows[name], {name: rows[name]}
    clips = {f"smile-{clip:g}": partial(mi.smile, clip=clip) for clip in (1, 5, math.inf)}
    readouts = {"jsd": mi.jsd, "jsd-nwj": mi.jsd_readout_nwj, "jsd-nwj-forgot-1": mi.nwj}
    return mi.jsd, {**readouts, **clips}


def expand(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every run of a spec, seed by seed: each row's settings over the shared ones."""
    shared = {k: v for k, v in spec.items() if k not in ("rows", "seeds")}
    for seed in range(spec["seeds"]):
        for label, row in spec["rows"].items():
            yield {"label": label, **shared, **row, "seed": seed}


def climb(spec: Mapping[str, Any], out: Path) -> list[dict[str, Any]]:
    """Run what `out` (JSON lines) does not hold yet; returns every record of the spec."""
    have = {json.dumps(record["run"]): record for record in read(out)}
    for settings in expand(spec):
        key = json.dumps(settings)
        if key in have:
            continue
        have[key] = {"run": settings, **one(settings)}
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(have[key]) + "\n")
        said = f"{settings['label']} seed {settings['seed']}: {have[key]['seconds']} s"
        print(said, file=sys.stderr, flush=True)
    return [have[json.dumps(settings)] for settings in expand(spec)]


def one(settings: Mapping[str, Any]) -> dict[str, Any]:
    """One run and its record; the curve has POINTS means a stage for each readout."""
    given = {k: v for k, v in settings.items() if k not in ("label", "objective", "alpha")}
    trained, readouts = objective(
        settings["objective"], **{k: settings[k] for k in ("alpha",) if k in settings}
    )
    log: dict[str, list[float]] = {name: [] for name in readouts}
    for event in estimate(trained, readouts, **given):
        if isinstance(event, Step):
            for name, values in log.items():
                values.append(event.terms[name])
        elif isinstance(event, Done):
            record = {k: v for k, v in event.record.items() if k != "config"}
    width = max(1, settings["steps"] // POINTS)
    curve = {name: _thin(values, width) for name, values in log.items()}
    record["result"] = {
        name: {key: [round(v, 4) for v in values] for key, values in spread.items()}
        for name, spread in record["result"].items()
    }
    return {**record, "curve": {"every": width, **curve}}


def _thin(values: list[float], width: int) -> list[float]:
    starts = range(0, len(values), width)
    return [round(statistics.fmean(values[at : at + width]), 3) for at in starts]


def summarise(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Per label and readout, per stage in nats ("2", "4", ...): "mean" over the seeds, "std" of a
    seed's batches (mean over the seeds), "spread" of the seeds' means; and seed 0's curve."""
    labels: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        labels.setdefault(record["run"]["label"], []).append(record)
    table = {}
    for label, runs in labels.items():
        first = runs[0]
        table[label] = {
            "run": {k: v for k, v in first["run"].items() if k not in ("seed", "label")},
            "readouts": {name: _stages(runs, name) for name in first["result"]},
            "curve": first["curve"],
            "seconds": summary(run["seconds"] for run in runs),
        }
    return {"rows": table}


def _stages(runs: list[dict[str, Any]], name: str) -> dict[str, dict[str, float]]:
    stages = {}
    for number, information in enumerate(runs[0]["run"]["stages"]):
        over = summary(run["result"][name]["mean"][number] for run in runs)
        within = statistics.fmean(run["result"][name]["std"][number] for run in runs)
        stages[f"{information:g}"] = {
            "mean": round(over["mean"], 4),
            "std": round(within, 4),
            "spread": round(over["std"], 4),
            "seeds": over["n"],
        }
    return stages


def main(folder: Path = REFERENCE, spec: Mapping[str, Any] = SPEC) -> Path:
    """Run what is missing, write the summary to lab02.json in `folder`; returns where."""
    records = climb(spec, folder / "lab02.jsonl")
    table = {"spec": spec, "versions": records[0]["versions"], **summarise(records)}
    out = folder / "lab02.json"
    out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return out


if __name__ == "__main__":
    print(f"wrote {main()}")
