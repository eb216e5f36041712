"""Run what a sweep still lacks, then write its summary; resumes where it stopped."""

import argparse
import json
from pathlib import Path
from typing import Any

from labkit.commands import Answer

EXAMPLES = """
  labkit sweep data/reference/lab01.yaml      runs into lab01.jsonl, summary into lab01.json
  labkit sweep mine.yaml --json | jq '.rows[].difference'
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", type=Path, help="a YAML file: data, networks, rows, seeds")


def main(options: argparse.Namespace) -> Answer:
    import yaml

    from labkit.training.sweep import summarise, sweep

    spec = yaml.safe_load(options.spec.read_text(encoding="utf-8"))
    runs, out = (options.spec.with_suffix(suffix) for suffix in (".jsonl", ".json"))
    records = sweep(spec, runs)
    against = {k: row["against"] for k, row in spec["rows"].items() if "against" in row}
    summary = summarise(records, spec["baseline"], against)
    table = {"spec": spec, "versions": records[0]["versions"], **summary}
    out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    rows = summary["rows"]
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
