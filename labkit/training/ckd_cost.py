"""What CKD's loss costs beside a memory bank's: `python -m labkit.training.ckd_cost`.

Writes data/reference/lab04-cost.json: seconds of processor time (not of the clock, so that a busy
machine does not matter much), the least of several, one thread. Takes under a minute.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit import losses, models
from labkit.training.records import REFERENCE, versions

BATCH, CLASSES, DIM, PICTURES = 64, 100, 128, 50_000
KS = (64, 256, 1024, 4096, 16384)


def bank_loss(anchor: Tensor, positive: Tensor, bank: Tensor, index: Tensor) -> Tensor:
    """InfoNCE with K rows of a bank fetched for each anchor: anchor [B, D], index [B, K]."""
    scores = torch.einsum("bd,bkd->bk", anchor, bank[index])  # [B, K]
    own = (anchor * positive).sum(1, keepdim=True)  # [B, 1]
    return F.cross_entropy(torch.cat([own, scores], 1) / 0.07, torch.zeros(len(anchor)).long())


def milliseconds(work: Callable[[], Tensor], repeats: int) -> float:
    """The least processor time of `work` and its backward pass."""
    found = []
    for _ in range(repeats):
        before = time.process_time()
        work().backward()
        found.append(time.process_time() - before)
    return round(1000 * min(found), 4)


def measure(ks: tuple[int, ...] = KS, pictures: int = PICTURES) -> dict[str, Any]:
    """One row for each K, and the networks' part of a step, all in ms."""
    draw = torch.Generator().manual_seed(0)
    s, t = torch.randn(2, BATCH, CLASSES, generator=draw)
    e, f = torch.randn(2, BATCH, DIM, generator=draw)
    bank = torch.randn(pictures, DIM, generator=draw)
    s.requires_grad_(), e.requires_grad_()
    ours = milliseconds(lambda: losses.ckd(s, t), 200)
    rows = []
    for k in ks:
        index = torch.randint(pictures, (BATCH, k), generator=draw)
        spent = milliseconds(lambda i=index: bank_loss(e, f, bank, i), 5)  # type: ignore[misc]
        rows.append({"negatives": k, "bank_ms": spent, "ckd_ms": ours,
                     "bank_mb": round(2 * bank.nbytes / 2**20, 1)})  # fmt: skip
    return {"batch": BATCH, "pictures": pictures, "dim": DIM, "step_ms": networks(),
            "versions": versions(), "rows": rows}  # fmt: skip


def networks(student: str = "convnet", teacher: str = "wrn_16_2") -> float:
    """The rest of a step: the teacher's forward pass, the student's forward and backward."""
    images = torch.randn(BATCH, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    pupil, guide = (models.build(name, CLASSES, seed=0) for name in (student, teacher))

    def step() -> Tensor:
        with torch.no_grad():
            guide.eval()(images)
        return pupil(images).logits.sum()

    return milliseconds(step, 5)


def main(folder: Path = REFERENCE) -> Path:
    """Measure and write the record; returns where."""
    torch.set_num_threads(1)
    path = folder / "lab04-cost.json"
    path.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    print(f"wrote {main()}")
