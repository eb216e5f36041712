"""The recorded encoders of lab 03: what they know, by augmentation, temperature and K; resumable.

`python -m labkit.training.encoder_runs` trains what data/reference/lab03.jsonl does not hold yet
(a minute of an idle core a run), then writes lab03.json.
"""

import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labkit import data
from labkit.training.distill import distill
from labkit.training.encoders import FACTORS, Encoder, probes
from labkit.training.events import Control
from labkit.training.records import REFERENCE, summary, versions
from labkit.training.run import run
from labkit.training.sweep import read

# With one seed every row begins with the same network and sees the same pictures in one order.
SPEC: dict[str, Any] = {
    # at a third of the usual difficulty: so short a training finds the motif in no harder picture
    "data": {"name": "motif100", "train": 5000, "val": 1000, "test": 5000, "difficulty": 0.1},
    "network": "convnet",
    "method": "nt-xent",
    "augment": "contrastive",
    "epochs": 12,
    "learning_rate": 0.3,
    "seeds": 3,
    "rows": {
        "contrastive": {},
        "crop-flip": {"augment": "crop-flip"},
        "untrained": {"epochs": 0},
        "labels": {"method": "labels", "augment": "crop-flip"},
        "triplet": {"method": "triplet"},
        "collapse": {"knobs": {"repulsion": 0.0}},
        "none": {"augment": "none"},
        "crop-flip-cutout": {"augment": "crop-flip-cutout"},
        "contrastive-0.1": {"learning_rate": 0.1, "seeds": 1},
        "triplet-0.1": {"method": "triplet", "learning_rate": 0.1, "seeds": 1},
    },
    "surface": {"temperature": [0.05, 0.2, 0.5, 2.0], "negatives": [1, 8, 32, 126], "seeds": 1},
}


def expand(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every run of a spec: the rows seed by seed, then the surface's cells."""
    apart = ("rows", "seeds", "surface")
    shared = {k: v for k, v in spec.items() if k not in apart}
    for seed in range(spec["seeds"]):
        for label, row in spec["rows"].items():
            settings = {"label": label, **shared, **row}
            if seed < settings.pop("seeds", spec["seeds"]):
                yield {**settings, "seed": seed}
    grid = spec["surface"]
    for seed in range(grid["seeds"]):
        for t, k in itertools.product(grid["temperature"], grid["negatives"]):
            knobs = {"temperature": t, "negatives": k}
            yield {"label": "surface", **shared, "knobs": knobs, "seed": seed}


def train(spec: Mapping[str, Any], out: Path) -> list[dict[str, Any]]:
    """Run what `out` (JSON lines) does not hold yet; returns every record of the spec."""
    have = {json.dumps(record["run"]): record for record in read(out)}
    dataset = data.load(**spec["data"], progress=False)
    for settings in expand(spec):
        key = json.dumps(settings)
        if key in have:
            continue
        have[key] = {"run": settings, **one(settings, dataset)}
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(have[key]) + "\n")
        said = f"{settings['label']} seed {settings['seed']}: {have[key]['probe']:.1%} right"
        print(said, file=sys.stderr, flush=True)
    return [have[json.dumps(settings)] for settings in expand(spec)]


def one(settings: Mapping[str, Any], dataset: data.Dataset) -> dict[str, Any]:
    """One run and its record: "probe" and "factors" of the test pictures, and the curve."""
    kind = settings["method"]
    method = "nt-xent" if kind == "labels" else kind
    encoder = Encoder(dataset, method, network=settings["network"], seed=settings["seed"])
    encoder.augment = settings["augment"]
    told = {k: settings[k] for k in ("epochs", "learning_rate", "augment")}
    record: dict[str, Any] = {"seconds": 0.0, "curve": []}
    if kind == "labels":
        events = distill(
            encoder.network, None, "cross-entropy", dataset,
            seed=settings["seed"], evaluate=encoder.evaluate, device="cpu", **told,
        )  # fmt: skip
        record = run(events, on_event=_silent)
    elif settings["epochs"]:
        control = Control(**{**encoder.knobs, **settings.get("knobs", {})})
        record = run(encoder.train(control=control, device="cpu", **told), on_event=_silent)
    found = {name: round(v, 4) for name, v in probes(encoder.network, dataset, names=KNOWN).items()}
    watched = encoder.evaluate(encoder.network, dataset, "test")
    rounded = [{k: _short(v) for k, v in point.items()} for point in record["curve"]]
    return {
        "probe": found["label"],
        "factors": found,
        **{k: _short(watched[k]) for k in ("alignment", "uniformity", "error")},
        "curve": rounded,
        "seconds": record["seconds"],
    }


KNOWN = ("label", *FACTORS)


def _silent(event: object) -> None:
    """A sweep reports runs, not steps."""


def _short(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _short(v) for k, v in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def summarise(records: list[dict[str, Any]]) -> dict[str, Any]:
    """By label: probe, factors, alignment, uniformity and error over seeds, and the probe's band;
    under "surface" the probe by temperature and K."""
    rows: dict[str, list[dict[str, Any]]] = {}
    cells: dict[tuple[float, int], list[float]] = {}
    for record in records:
        if record["run"]["label"] == "surface":
            knobs = record["run"]["knobs"]
            at = (knobs["temperature"], knobs["negatives"])
            cells.setdefault(at, []).append(record["probe"])
        else:
            rows.setdefault(record["run"]["label"], []).append(record)
    surface = [
        {"temperature": t, "negatives": k, "probe": _summary(found)}
        for (t, k), found in cells.items()
    ]
    return {"by_label": {name: _row(runs) for name, runs in rows.items()}, "surface": surface}


def _row(runs: list[dict[str, Any]]) -> dict[str, Any]:
    row = {
        "run": {k: v for k, v in runs[0]["run"].items() if k not in ("label", "seed")},
        "factors": {name: _summary([r["factors"][name] for r in runs]) for name in KNOWN},
        "seconds": _summary([r["seconds"] for r in runs]),
        "curve": _band(runs),
    }
    for name in ("probe", "alignment", "uniformity", "error"):
        row[name] = _summary([r[name] for r in runs])
    return row


def _summary(values: list[float]) -> dict[str, float]:
    found = summary(values)
    std = 0.0 if len(values) < 2 else round(found["std"], 4)
    return {"mean": round(found["mean"], 4), "std": std, "n": len(values)}


def _band(runs: list[dict[str, Any]]) -> dict[str, list[float]]:
    points = list(zip(*(r["curve"] for r in runs), strict=True))
    spread = [_summary([p["probe"] for p in point]) for point in points]
    return {
        "epoch": [point[0]["epoch"] for point in points],
        "mean": [s["mean"] for s in spread],
        "std": [s["std"] for s in spread],
    }


def main(folder: Path = REFERENCE, spec: Mapping[str, Any] = SPEC) -> Path:
    """Run what is missing, write the summary to lab03.json in `folder`; returns where."""
    records = train(spec, folder / "lab03.jsonl")
    table = {"spec": spec, "versions": versions(), **summarise(records)}
    out = folder / "lab03.json"
    out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return out


if __name__ == "__main__":
    print(f"wrote {main()}")
