"""Run what a sweep still lacks, then write its summary; resumes where it stopped."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from labkit.commands import Answer, need

EXAMPLES = """
  labkit sweep data/reference/lab01.yaml      runs into lab01.jsonl, summary into lab01.json
  labkit sweep mine.yaml --json | jq '.rows[].difference'
  labkit sweep mine.yaml --engine ray         the same on all cores of this machine
  labkit sweep mine.yaml --engine ray --address auto --gpus 0.25
                                              on a Ray cluster, four runs to a GPU
A spec with `notebook: 04` in place of data and networks runs that lab with other parameters;
one with `captions: attributes` in place of teacher and method trains pairs of images and words,
one with `text: interactions` text classifiers.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", type=Path, help="a YAML file: data, networks, rows, seeds")
    parser.add_argument(
        "--engine", choices=("here", "ray"), default="here",
        help="who does the runs: this process one by one, or Ray side by side",
    )  # fmt: skip
    parser.add_argument("--address", help="a running Ray cluster; none: Ray is started here")
    parser.add_argument("--cpus", type=float, help="cores of one run (Ray); 1 unless given")
    parser.add_argument("--gpus", type=float, help="GPUs of one run (Ray), 0.25 for four to a GPU")


def main(options: argparse.Namespace) -> Answer:
    import yaml

    from labkit.training.sweep import RunsFailed, sweep

    engine = _engine(options)
    spec = yaml.safe_load(options.spec.read_text(encoding="utf-8"))
    runs = options.spec.with_suffix(".jsonl")
    try:
        records = sweep(spec, runs, engine=engine)
    except RunsFailed as error:
        print(f"labkit: {error}", file=sys.stderr)
        return Answer("", {"runs": str(runs), "error": str(error)}, status=1)
    if "notebook" in spec:
        lines = [f"{record['run']['label']:20} {record['notebook']}" for record in records]
        text = "\n".join([*lines, f"what the named cells printed is in {runs}"])
        return Answer(text, {"runs": str(runs), "records": len(records)})
    return _summary(options.spec, spec, records)


def _engine(options: argparse.Namespace) -> Any:
    """None for this process; ValueError where an option speaks of Ray and the engine is not."""
    chosen = {k: getattr(options, k) for k in ("address", "cpus", "gpus")}
    chosen = {k: v for k, v in chosen.items() if v is not None}
    if options.engine == "here":
        if chosen:
            raise ValueError(f"--{next(iter(chosen))} is for Ray: add --engine ray")
        return None
    need("ray", "'--engine ray'")
    from labkit.training.ray_engine import Ray

    return Ray(**chosen)


def _summary(path: Path, spec: dict[str, Any], records: list[dict[str, Any]]) -> Answer:
    """Write the table of a finished sweep, and tell it."""
    from labkit.training.sweep import summarise

    out = path.with_suffix(".json")
    against = {k: row["against"] for k, row in spec["rows"].items() if "against" in row}
    summary = summarise(records, spec["baseline"], against)
    table = {"spec": spec, "versions": records[0]["versions"], **summary}
    out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    rows, runs = summary["rows"], path.with_suffix(".jsonl")
    lines = [_line(row, _varying(rows)) for row in rows]
    text = "\n".join([*lines, f"wrote {out} from {len(records)} runs in {runs}"])
    data = {"summary": str(out), "runs": str(runs), "records": len(records)}
    return Answer(text, {**data, "rows": rows})


def _varying(rows: list[dict[str, Any]]) -> list[str]:
    """The numbers by which rows differ: what a reader wants beside the label."""
    names = dict.fromkeys(k for row in rows for k, v in row.items() if isinstance(v, int | float))
    return [name for name in names if len({row.get(name) for row in rows}) > 1]


def _line(row: dict[str, Any], varying: list[str]) -> str:
    """A row for a reader: its label and knobs, test accuracy, and the paired difference."""
    named = [str(row[k]) for k in ("pair", "label") if k in row]
    named += [f"{k} {row[k]:g}" for k in varying if k in row]
    test, difference = row["test_accuracy"], row["difference"]
    spread = f" +- {test['std']:.1%}" if test["n"] > 1 else ""
    text = f"{' '.join(named):40}  {test['mean']:6.1%}{spread} (n={test['n']})"
    if difference is None:
        return text
    if difference["n"] < 2:
        return f"{text}, {100 * difference['mean']:+.1f} points to {row['against']}, one seed"
    mean, low, high = (100 * difference[key] for key in ("mean", "low", "high"))
    return f"{text}, {mean:+.1f} points to {row['against']} [{low:+.1f}, {high:+.1f}]"
