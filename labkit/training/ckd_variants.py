"""The runs lab 04 quotes, three variants of CKD among them that the registry does not have.

`python -m labkit.training.ckd_variants` runs what data/reference/lab04-surface.jsonl and
lab04.jsonl do not hold yet (38 runs, a minute and a half each on an idle core), then writes
lab04-surface.json and lab04.json.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from labkit import losses
from labkit.data import Batch
from labkit.models import Features
from labkit.training.baselines import Loss, Taught
from labkit.training.method import Knobs
from labkit.training.records import REFERENCE
from labkit.training.registry import METHODS, Entry
from labkit.training.sweep import summarise, sweep


class Variant:
    """CKD with other pairs as negatives, or without those of the same class."""

    def __init__(self, *, pairs: str = "teacher-student", masked: bool = False) -> None:
        self.pairs, self.masked = pairs, masked

    def __call__(self, student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
        return losses.ckd(
            student.logits,
            teacher.logits,
            temperature=knobs["temperature"],
            pairs=self.pairs,
            labels=batch.labels if self.masked else None,
        )


def attract(student: Features, teacher: Features, batch: Batch, knobs: Knobs) -> Tensor:
    """CKD without its negatives: (1 - cosine of an example's two answers) / tau, 0 at best."""
    cosine = F.cosine_similarity(student.logits, teacher.logits, dim=1)  # [B]
    return (1 - cosine).mean() / knobs["temperature"]


def _entry(loss: Loss) -> Entry:
    return Entry(lambda _: Taught("ckd", loss), METHODS["ckd"].knobs)


VARIANTS = {
    "ckd-masked": _entry(Variant(masked=True)),
    "ckd-student": _entry(Variant(pairs="student-student")),
    "ckd-attract": _entry(attract),
}


def record(spec: Mapping[str, Any], out: Path) -> Path:
    """Run what `out` (JSON lines) lacks of `spec`, write the summary beside it; returns where."""
    known = dict(METHODS)
    METHODS.update(VARIANTS)
    try:
        records = sweep(spec, out)
    finally:
        METHODS.clear()
        METHODS.update(known)
    against = {k: row["against"] for k, row in spec["rows"].items() if "against" in row}
    summary = summarise(records, spec["baseline"], against)
    table = {"spec": spec, "versions": records[0]["versions"], **summary}
    path = out.with_suffix(".json")
    path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return path


def main(folder: Path = REFERENCE) -> list[Path]:
    """Both sweeps, the surface first; returns where their summaries are."""
    import yaml

    names = ("lab04-surface", "lab04")
    specs = {n: yaml.safe_load((folder / f"{n}.yaml").read_text(encoding="utf-8")) for n in names}
    return [record(spec, folder / f"{name}.jsonl") for name, spec in specs.items()]


if __name__ == "__main__":
    print("wrote", *main())
