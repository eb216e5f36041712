"""Where and in which precision to train: asked, or found out by a short timing probe."""

import time
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

import torch
from torch import nn

from labkit.errors import unknown

PRECISIONS = ("auto", "fp32", "bf16")


def pick_device(device: str = "auto") -> torch.device:
    """The device to use: "auto" takes cuda, then mps, then cpu; a name is checked."""
    kind = device.split(":")[0]
    if kind not in ("auto", "cuda", "mps", "cpu"):
        raise unknown("device", device, ("auto", "cuda", "mps", "cpu"))
    have = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return torch.device(next(name for name, there in have.items() if there))
    if not have[kind]:
        raise ValueError(f"device {device!r} was asked for, but torch sees none here: use 'auto'")
    return torch.device(device)


def pick_precision(model: nn.Module, device: torch.device, precision: str = "auto") -> str:
    """ "fp32" or "bf16": bf16 on a GPU, fp32 on mps, on a CPU whichever a one-second probe favours.

    The probe times training steps of the smallest network of the same family, because neither a
    CPU's flags nor another family's speed tell: where bf16 makes dense convolutions twice as fast
    it can slow depthwise ones down.
    """
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    if precision != "auto":
        return precision
    if device.type != "cpu":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    return _probe(*_stand_in(type(model)), torch.get_num_threads())


def _stand_in(kind: type) -> tuple[str, int]:
    """The network that is timed for this class, by name, and its batch; resnet8 for a stranger."""
    from labkit.models import MODELS

    classes = {name: getattr(make, "func", make) for name, make in MODELS.items()}
    family = [name for name, made in classes.items() if made is kind]  # smallest first
    name = family[0] if family else "resnet8"
    if name == "resnet50":  # alone of its family, and a step of it takes ten seconds
        name = "resnet8"
    return name, 128 if name in ("convnet", "resnet8") else 16


@lru_cache
def _probe(name: str, batch: int, threads: int) -> str:
    """bf16 if it makes training steps of this network 1.2 times faster."""
    from labkit.models import build

    model = build(name, 10).to(memory_format=torch.channels_last)
    images = torch.zeros(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    seconds: dict[str, list[float]] = {"fp32": [], "bf16": []}
    end = time.perf_counter() + 0.8
    # In turn, so that what else the machine does disturbs both; the first of each sets up.
    while len(seconds["bf16"]) < 2 or time.perf_counter() < end:
        for precision, times in seconds.items():
            times.append(_step_seconds(model, images, precision))
    fp32, bf16 = (min(times[1:]) for times in seconds.values())
    return "bf16" if fp32 > 1.2 * bf16 else "fp32"


def _step_seconds(model: nn.Module, images: torch.Tensor, precision: str) -> float:
    before = time.perf_counter()
    with torch.enable_grad(), autocast(images.device, precision):
        model(images).logits.float().logsumexp(1).mean().backward()
    return time.perf_counter() - before


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """The mixed-precision context of a step; thread-local, so entered inside every step."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
