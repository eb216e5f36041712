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

    The probe times training steps of this kind of network, because a CPU's flags do not tell:
    bf16 is twice as fast where the chip multiplies it natively, several times slower elsewhere.
    """
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    if precision != "auto":
        return precision
    if device.type != "cpu":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    return _probe(type(model).__name__, torch.get_num_threads())


@lru_cache
def _probe(kind: str, threads: int) -> str:
    """bf16 if it makes training steps of a small network of this kind 1.2 times faster."""
    from labkit.models import MODELS  # any network of the kind shows the ratio

    device = torch.device("cpu")
    name = "convnet" if kind == "ConvNet" else "resnet8"
    seconds = {}
    for precision in ("fp32", "bf16"):
        model = MODELS[name](10).to(memory_format=torch.channels_last)
        images = torch.zeros(128, 3, 32, 32).contiguous(memory_format=torch.channels_last)
        seconds[precision] = min(_step_seconds(model, images, device, precision, 0.5))
    return "bf16" if seconds["fp32"] > 1.2 * seconds["bf16"] else "fp32"


def _step_seconds(
    model: nn.Module, images: torch.Tensor, device: torch.device, precision: str, budget: float
) -> list[float]:
    """Seconds of single forward + backward passes, the first (set-up) left out."""
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < 2 or time.perf_counter() - start < budget:
        before = time.perf_counter()
        with torch.enable_grad(), autocast(device, precision):
            model(images).logits.float().logsumexp(1).mean().backward()
        times.append(time.perf_counter() - before)
    return times[1:]


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """The mixed-precision context of a step; thread-local, so entered inside every step."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
