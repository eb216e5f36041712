"""What the doctor looks at: versions, device, cores, memory, disk, host, speed."""

import importlib
import importlib.metadata
import os
import platform
import shutil
import statistics
import sys
from typing import Any

import torch

from labkit import models
from labkit.data import store
from labkit.training import machine
from labkit.training.bench import seconds_of, train_step
from labkit.training.device import pick_device, pick_precision
from labkit.training.records import reference
from labkit.training.run import pick_driver

Facts = dict[str, Any]
PACKAGES = (
    *("torch", "torchvision", "ipywidgets", "plotly"),
    *("anywidget", "jupyterlab", "jupyterlab_widgets"),
)


def gather(*, quick: bool = False) -> Facts:
    """Everything `diagnose` asks for; `quick` leaves out what must be timed (rate, precision)."""
    device = pick_device()
    facts: Facts = {**_installed(), **_torchvision(), **_hardware(device), **_storage()}
    facts |= {"host": host(), "driver": pick_driver(), "reference": _recorded()}
    return facts | ({"rate": None, "precision": None} if quick else _timed(device))


def host() -> str:
    """Who runs this process: "colab", "vscode", "jupyter", "kernel" (no page) or "terminal"."""
    if "google.colab" in sys.modules:
        return "colab"
    if "ipykernel" not in sys.modules:
        return "terminal"
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and "__vsc_ipynb_file__" in shell.user_ns:
        return "vscode"
    # a Jupyter server names the notebook to the kernel; papermill and its like do not
    return "jupyter" if os.environ.get("JPY_SESSION_NAME") else "kernel"


def _installed() -> Facts:
    from labkit import __version__

    return {
        "python": platform.python_version(),
        "labkit": __version__,
        # torch's own word names its build too, as in 2.15.0+cpu
        "packages": {name: _version(name) for name in PACKAGES} | {"torch": torch.__version__},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _torchvision() -> Facts:
    """Whether it imports, and the torch it says it was made for where that is not ours."""
    from packaging.requirements import Requirement

    facts: Facts = {"torchvision_error": "", "torchvision_wants": ""}
    if _version("torchvision") is None:
        return facts
    try:
        importlib.import_module("torchvision")
    except Exception as error:  # a foreign build raises nearly anything
        facts["torchvision_error"] = f"{type(error).__name__}: {error}"
    for line in importlib.metadata.requires("torchvision") or []:
        wanted = Requirement(line)
        ours = torch.__version__.split("+")[0]
        if wanted.name == "torch" and not wanted.specifier.contains(ours, prereleases=True):
            facts["torchvision_wants"] = f"torch{wanted.specifier}"
    return facts


def _hardware(device: torch.device) -> Facts:
    cuda = device.type == "cuda"
    chip = f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"
    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if cuda else chip,
        "gpu_memory": torch.cuda.mem_get_info(device) if cuda else None,  # (free, total) bytes
        "cuda": torch.version.cuda,
        "nvidia": shutil.which("nvidia-smi") is not None,
        "cores": machine.cores(),
        "host_cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "memory": machine.memory(),
    }


def _storage() -> Facts:
    folder = store.folder()
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        "cache": str(folder),
        "cache_bytes": sum(path.stat().st_size for path in files),
        "writable": os.access(there, os.W_OK),
        "disk_free": shutil.disk_usage(there).free,
    }


def _recorded() -> Facts | None:
    """The reference machine's speed and time for lab 01; None in a copy without records."""
    try:
        speed, times = reference("speed"), reference("times")
    except ValueError:
        return None
    rate = speed["train_step"]["convnet"]["ours_images_per_second"]
    return {"rate": rate, "seconds": times["lab01"]["lecture"], "cores": times["cores"]}


def _timed(device: torch.device) -> Facts:
    """Images/s of convnet training steps, batch 128, half a second long; the precision picked."""
    last = torch.channels_last
    model = models.build("convnet", 100).to(device).to(memory_format=last)
    precision = pick_precision(model, device)
    images = torch.zeros(128, 3, 32, 32, device=device).contiguous(memory_format=last)
    step = train_step(model, images, precision)
    step()  # the first one allocates
    times = [seconds_of(step)]
    while sum(times) < 0.5:
        times.append(seconds_of(step))
    return {"rate": 128 / statistics.median(times), "precision": precision}
