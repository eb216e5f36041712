"""The band of recorded runs: its traces, whether a run lies outside, and what may be the cause."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from labkit.figures import style
from labkit.figures.curve import SCORES, Curve

EARLY = 0.5  # of the epochs: before that, runs differ most
NO_CAUSE = ("label", "seed")  # they differ from run to run anyway


def traces(reference: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The mean of recorded runs and one standard deviation around it, as traces."""
    recorded = reference[score_of(reference)]
    x, mean, std = (np.asarray(recorded[k], np.float32) for k in ("epoch", "mean", "std"))
    clear = {"width": 0}
    grey = {"color": style.COLOURS["grey"], "dash": "dot", "width": 2}
    common = {"type": "scatter", "mode": "lines", "x": x, "hoverinfo": "skip"}
    label = str(reference.get("label", "recorded runs"))
    return [
        common | {"y": mean + std, "line": clear, "showlegend": False},
        common
        | {"y": mean - std, "line": clear, "showlegend": False}
        | {"fill": "tonexty", "fillcolor": "rgba(140,140,140,0.25)"},
        common | {"y": mean, "line": grey, "name": f"{label}: mean ± std"},
    ]


def recorded_at(reference: Mapping[str, Any], epoch: float) -> tuple[float, float] | None:
    """Mean and standard deviation of the recorded runs at `epoch`; None outside their epochs."""
    band = reference[score_of(reference)]
    if not band["epoch"][0] <= epoch <= band["epoch"][-1]:
        return None
    mean, std = (float(np.interp(epoch, band["epoch"], band[key])) for key in ("mean", "std"))
    return mean, std


def outside(curve: Curve, reference: Mapping[str, Any] | None) -> str:
    """One sentence if the last evaluation lies more than 2 std from the recorded mean, else "".

    It names likely causes, most specific first. `reference` is that of `training`; its "run", the
    settings of the recorded runs, is compared with the run's own.
    """
    scores = curve.scores.get(score_of(reference)) if reference else None
    if not reference or not scores:
        return ""
    epoch, value = scores[-1]
    recorded = recorded_at(reference, epoch)
    if recorded is None or not abs(value - recorded[0]) > 2 * recorded[1]:  # a NaN says nothing
        return ""
    runs = f"{n} recorded runs" if (n := _count(reference)) else "the recorded runs"
    return (
        f"Outside the band of {runs} at epoch {epoch:g} ({value:.1%} vs {recorded[0]:.1%} ± "
        f"{recorded[1]:.1%}). Likely causes: {'; '.join(_causes(curve, reference, epoch))}."
    )


def score_of(reference: Mapping[str, Any]) -> str:
    """The metric a reference has recorded: "accuracy" or "probe"."""
    return next(name for name in SCORES if name in reference)


def _causes(curve: Curve, reference: Mapping[str, Any], epoch: float) -> list[str]:
    mine, theirs = settings({**curve.config, **curve.knobs}), settings(reference.get("run", {}))
    causes = [
        f"{name.replace('_', ' ')} is {_short(mine[name])}, recorded {_short(theirs[name])}"
        for name in dict.fromkeys([*curve.knobs, *mine])  # knobs first
        if name in theirs and name not in NO_CAUSE and mine[name] != theirs[name]
    ]
    causes += [
        f"{change.name} was moved to {change.new:.3g} at epoch {at:.1f}"
        for at, change in curve.changes[-1:]
    ]
    causes.append("another seed (about 1 run in 20 lies outside)")
    if epoch < EARLY * curve.epochs:
        causes.append(f"too early to tell (epoch {epoch:g} of {curve.epochs:g})")
    return causes


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with its knobs and the arguments of its data beside the other settings."""
    flat = {k: v for k, v in config.items() if not isinstance(v, Mapping)}
    images = config.get("data")
    if isinstance(images, Mapping):
        flat |= {"data" if k == "name" else k: v for k, v in images.items()}
    return flat | dict(config.get("knobs", {}))


def _count(reference: Mapping[str, Any]) -> int | None:
    """How many runs the band is made of, if the reference tells."""
    run = reference.get("run", {})
    return reference.get("n") or run.get("test_accuracy", {}).get("n")


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
