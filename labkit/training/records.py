"""Run records: what a training leaves behind, and the statistics that prose may quote."""

import json
import math
import os
import platform
import statistics
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from labkit.errors import unknown

REFERENCE = Path(__file__).resolve().parents[2] / "data" / "reference"
# two-sided 95 % points of Student's t for 1, 2, ... degrees of freedom
_T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


def versions(device: torch.device | str = "cpu") -> dict[str, Any]:
    """What a number depends on besides the code: versions, hardware, threads."""
    from labkit import __version__

    kind = torch.device(device).type
    hardware = torch.cuda.get_device_name() if kind == "cuda" else platform.machine()
    return {
        "labkit": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": kind,
        "hardware": hardware,
        "threads": torch.get_num_threads(),
    }


def brief(record: dict[str, Any]) -> dict[str, Any]:
    """A run's record as a sweep keeps it: without its config, the curve to four places."""
    kept = {k: v for k, v in record.items() if k != "config"}
    kept["curve"] = [_rounded(point) for point in record["curve"]]
    return kept


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def reference(name: str) -> Any:
    """A recorded result that ships, data/reference/NAME.json; ValueError lists what there is."""
    path = REFERENCE / f"{name}.json"
    if not path.is_file():
        raise unknown("reference record", name, sorted(p.stem for p in REFERENCE.glob("*.json")))
    return json.loads(path.read_text(encoding="utf-8"))


def reference_runs(name: str) -> list[dict[str, Any]]:
    """Every run of a recorded sweep that ships, data/reference/NAME.jsonl; ValueError likewise."""
    path = REFERENCE / f"{name}.jsonl"
    if not path.is_file():
        raise unknown("recorded sweep", name, sorted(p.stem for p in REFERENCE.glob("*.jsonl")))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def keep(record: Mapping[str, Any], name: str) -> Path:
    """Write a run's record as JSON to runs/NAME-DATE-TIME.json; returns where.

    The folder is `LABKIT_RUNS`, or runs in the repository, or in the working folder. Where none
    can be written it is the system's folder for passing things, with a warning; OSError if that
    fails, too.
    """
    named = os.environ.get("LABKIT_RUNS")
    homes = (REFERENCE.parents[1], Path.cwd())
    folders = [Path(named).expanduser()] if named else [home / "runs" for home in homes]
    text = json.dumps(record, indent=1, default=str) + "\n"
    file = f"{name}-{datetime.now():%Y%m%d-%H%M%S-%f}.json"
    for folder in folders:
        try:
            return _written(folder / file, text)
        except OSError as error:
            reason = f"{folder} cannot be written ({error.strerror or error})"
    path = _written(Path(tempfile.gettempdir()) / "labkit-runs" / file, text)
    warnings.warn(f"{reason}: the record is in {path.parent} for now", stacklevel=2)
    return path


def _written(path: Path, text: str) -> Path:
    """The text in a file, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path


def summary(values: Iterable[float]) -> dict[str, float]:
    """Mean, sample standard deviation and n."""
    numbers = list(values)
    if not numbers:
        raise ValueError("a summary needs at least one value")
    spread = statistics.stdev(numbers) if len(numbers) > 1 else math.nan
    return {"mean": statistics.fmean(numbers), "std": spread, "n": len(numbers)}


def percent(of: Mapping[str, float]) -> str:
    """A `summary` of shares 0..1 in words: "81.9 ± 0.5", in percent."""
    return f"{100 * of['mean']:.1f} ± {100 * of['std']:.1f}"


def told(difference: Mapping[str, float]) -> str:
    """What a `paired` difference of shares lets one say, in points, with its 95 % interval."""
    mean, low, high = (100 * difference[key] for key in ("mean", "low", "high"))
    word = "better" if low > 0 else "worse" if high < 0 else "not to be told apart"
    return f"{mean:+5.1f} points ({low:+.1f} to {high:+.1f}): {word}"


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> dict[str, float]:
    """The mean difference over the seeds both have, with a 95 % interval (Student's t).

    low and high are infinite below two common seeds: one pair says nothing about spread.
    """
    seeds = sorted(set(ours) & set(theirs))
    differences = summary(ours[seed] - theirs[seed] for seed in seeds)
    n = len(seeds)
    t95 = _T95[min(n - 2, len(_T95) - 1)] if n > 1 else math.inf
    half = t95 * differences["std"] / math.sqrt(n) if n > 1 else math.inf
    mean = differences["mean"]
    return {**differences, "low": mean - half, "high": mean + half}
