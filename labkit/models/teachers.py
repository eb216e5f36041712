"""Trained teachers that ship in data/teachers: weights in half precision, and a card."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from labkit.errors import unknown
from labkit.models.registry import build

TEACHERS = Path(__file__).resolve().parents[2] / "data" / "teachers"


def load_teacher(name: str) -> nn.Module:
    """A trained network, frozen and in eval mode; ValueError lists the ones that ship."""
    from safetensors.torch import load_file

    card = teacher_card(name)
    if "classes" not in card:
        raise ValueError(f"{name!r} is a pair of towers, no classifier: use load_image_text")
    model = build(card["model"], card["classes"])
    weights = load_file(TEACHERS / f"{name}.safetensors")
    model.load_state_dict({key: value.float() for key, value in weights.items()}, strict=False)
    return model.eval().requires_grad_(False)


def teacher_card(name: str) -> dict[str, Any]:
    """How the teacher was made and what it reaches."""
    path = TEACHERS / f"{name}.json"
    if not path.is_file():
        raise unknown("teacher", name, sorted(p.stem for p in TEACHERS.glob("*.json")))
    return json.loads(path.read_text(encoding="utf-8"))


def save_teacher(name: str, model: nn.Module, card: dict[str, Any]) -> Path:
    """Write weights (half precision) and card; step counters of BatchNorm are left out."""
    from safetensors.torch import save_file

    TEACHERS.mkdir(parents=True, exist_ok=True)
    weights = {
        key: value.detach().to("cpu", torch.float16).contiguous()
        for key, value in model.state_dict().items()
        if value.is_floating_point()
    }
    path = TEACHERS / f"{name}.safetensors"
    save_file(weights, path)
    (TEACHERS / f"{name}.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return path
