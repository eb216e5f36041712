"""The measured surfaces of lab 02: what negatives buy. `python -m labkit.training.negatives`
makes data/reference/lab02-surface.json, lab02-signal.json and the bank they need, in two minutes.
"""

import json
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit import data, models
from labkit.data import gaussians
from labkit.evaluation import bounds, gradient_signal, optimal_factors
from labkit.training.records import REFERENCE, summary, versions

INFORMATION = (1, 2, 4, 6, 8, 10)  # nats
BATCHES = tuple(2**n for n in range(1, 13))  # B
SCORES = 2**25  # a cell of the surface: its batches have about so many scores together
TEMPERATURES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
NEGATIVES = (1, 4, 16, 64, 256, 1024)
BANK = REFERENCE / "lab02-bank.safetensors"
DIM = 20


def surface(seed: int = 0) -> dict[str, Any]:
    """Every bound with the perfect critic: mean and std, by information and K = B - 1."""
    generator = torch.Generator().manual_seed(seed)
    cells: dict[str, Any] = {}
    for information in INFORMATION:
        rho = gaussians.rho_of(information, DIM)
        for b in BATCHES:
            count = min(4000, max(8, SCORES // b**2))
            pairs = gaussians.correlated(count * b, DIM, information, generator=generator)
            x, y = (z.view(count, b, DIM) for z in pairs)
            found = bounds(*optimal_factors(x, y, rho))
            cell = {name: _rounded(v.tolist()) for name, v in found.items()}
            cells.setdefault(f"{information}", {})[f"{b - 1}"] = cell
    how = f"the perfect critic, D = {DIM}; SMILE's clip 5, alpha 0.5; NWJ reads the score plus 1"
    return {"how": how, "versions": versions(), "cells": cells}


@torch.no_grad()
def make_bank(pairs: int = 1024) -> None:
    """Two views of Motif-100 pictures as lab 01's teacher sees them: centred, of length 1."""
    from safetensors.torch import save_file

    dataset = data.load("motif100", train=1, val=pairs, test=1)
    teacher, generator = models.load_teacher("resnet20"), torch.Generator().manual_seed(0)
    views = data.batches(dataset, "val", batch_size=256, order=None, augment=generator, views=2)
    parts = [(teacher(b.images).pooled, teacher(b.second).pooled) for b in views]
    x, y = (torch.cat(part) for part in zip(*parts, strict=True))
    centre = torch.cat([x, y]).mean(0)
    save_file({n: F.normalize(z - centre, dim=1).half() for n, z in (("x", x), ("y", y))}, BANK)


def bank() -> tuple[Tensor, Tensor]:
    """The stored bank: x, y float32 [1024, 64], unit rows, two views of one picture a row."""
    from safetensors.torch import load_file

    stored = load_file(BANK)
    x, y = (F.normalize(stored[name].float(), dim=1) for name in "xy")
    return x, y


def signal(seeds: int = 3) -> dict[str, Any]:
    """`gradient_signal` of the stored bank over temperature and K; seeds draw anchors too."""
    cells: dict[str, Any] = {}
    for temperature in TEMPERATURES:
        for k in NEGATIVES:
            found = [
                gradient_signal(
                    *bank(), temperature=temperature, negatives=k, anchors=128,
                    generator=torch.Generator().manual_seed(seed),
                )
                for seed in range(seeds)
            ]  # fmt: skip
            cell = {name: _rounded([one[name] for one in found]) for name in found[0]}
            cells.setdefault(f"{temperature}", {})[f"{k}"] = cell
    how = "InfoNCE's gradient at an embedding: 1,024 pairs of Motif-100 views, lab 01's teacher"
    return {"how": how, "versions": versions(), "cells": cells}


def _rounded(values: list[float]) -> dict[str, float]:
    found = summary(values)
    return {
        "mean": float(f"{found['mean']:.4g}"),
        "std": float(f"{found['std']:.4g}"),
        "n": len(values),
    }


def main() -> None:
    """Make all three anew."""
    make_bank()
    for name, record in (("lab02-surface", surface()), ("lab02-signal", signal())):
        path = REFERENCE / f"{name}.json"
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
