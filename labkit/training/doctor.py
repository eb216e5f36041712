"""The doctor: what is installed, what the machine grants, what to expect, and what to mend.

Facts are gathered once; every rule is a plain function of them and gives one row of the report.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from labkit.training.budgets import budget
from labkit.training.facts import Facts, gather

GB = 1e9
MEMORY, DISK = 2 * GB, 1 * GB  # less free than that, and labs or downloads fail
FIXED = 10.0  # seconds of a notebook that no faster training saves: kernel, imports, first figures
PATIENCE = 600.0  # seconds a lab may take before the doctor advises against it
MANAGERS = {7: 1, 8: 3}  # major version of ipywidgets -> of jupyterlab_widgets, which draws them
HOSTS = {
    "colab": "Google Colab",
    "vscode": "VS Code",
    "jupyter": "a Jupyter server (JupyterLab or Notebook)",
    "kernel": "a kernel nobody watches (papermill, nbval, nbconvert)",
    "terminal": "a terminal or a script",
}
DRIVERS = {
    "thread": "trains on while sliders move",
    "tick": "trains in short slices, between which sliders move",
    "blocking": "trains to the end before anything else",
}


@dataclass(frozen=True)
class Row:
    """One line of the report; verdict is "ok", "note" or "problem", the last two with advice."""

    what: str
    value: str
    verdict: str = "ok"
    advice: str = ""


@dataclass(frozen=True, repr=False)
class Report:
    """Rows by section, and the facts they follow from. Printed, it is aligned text."""

    sections: dict[str, tuple[Row, ...]]
    facts: Facts

    def rows(self, verdict: str | None = None) -> list[Row]:
        """All rows, or those with this verdict."""
        every = [row for rows in self.sections.values() for row in rows]
        return [row for row in every if verdict in (None, row.verdict)]

    @property
    def problems(self) -> list[Row]:
        """What keeps a lab from working."""
        return self.rows("problem")

    @property
    def summary(self) -> str:
        """One sentence: how many problems and notes, and where."""
        if not self.problems:
            return "No problems found" + _named(self.rows("note"), "; worth a look: {}") + "."
        return f"To mend first: {', '.join(row.what for row in self.problems)}."

    def __repr__(self) -> str:
        width = max(len(row.what) for row in self.rows())
        lines = []
        for title, rows in self.sections.items():
            lines.append(title)
            lines += [f"  {row.what:{width}}  {row.value}{_mark(row)}" for row in rows]
        advice = [*self.rows("note"), *self.problems]  # the worst stands last, where eyes rest
        lines += [f"{row.verdict}: {row.what}: {row.advice}" for row in advice]
        return "\n".join([*lines, self.summary])


def doctor(*, quick: bool = False) -> Report:
    """Look around and report. Takes about 2 s, most of it timing; `quick` times nothing."""
    return diagnose(gather(quick=quick))


def diagnose(facts: Facts) -> Report:
    """The report that follows from `facts` (see labkit.training.facts.gather)."""
    versions = [Row("python", facts["python"]), Row("labkit", facts["labkit"])]
    versions += [_package(facts, "torch"), _torchvision(facts), _package(facts, "ipywidgets")]
    versions += [_package(facts, "plotly"), _anywidget(facts), _manager(facts)]
    machine = [_device(facts), _cores(facts), _threads(facts), _memory(facts), _disk(facts)]
    here = [Row("host", HOSTS[facts["host"]]), _driver(facts), _cache(facts)]
    expect = [_speed(facts), _lab01(facts)]
    sections = {"Versions": versions, "Machine": machine, "Here": here, "What to expect": expect}
    return Report({title: tuple(rows) for title, rows in sections.items()}, facts)


def _package(facts: Facts, name: str) -> Row:
    version = facts["packages"][name]
    if version:
        return Row(name, version)
    return Row(name, "not installed", "problem", f"%pip install {name}, then restart the kernel.")


def _torchvision(facts: Facts) -> Row:
    """Built for one torch only: with another it fails at import, or in the middle of a lab."""
    row = _package(facts, "torchvision")
    wanted, error = facts["torchvision_wants"], facts["torchvision_error"]
    if row.verdict != "ok" or not (error or wanted):
        return row
    advice = "%pip install -U torch torchvision (both at once), then restart the kernel."
    if error:
        return Row(row.what, f"{row.value}, does not import: {error}", "problem", advice)
    value = f"{row.value}, made for {wanted}, not {facts['packages']['torch']}"
    return Row(row.what, value, "problem", advice)


def _anywidget(facts: Facts) -> Row:
    row = _package(facts, "anywidget")
    plotly = facts["packages"]["plotly"]
    if row.verdict == "ok" or (plotly and _major(plotly) >= 6):
        return row
    return Row(row.what, row.value, "note", row.advice)  # plotly 5 draws without it


def _manager(facts: Facts) -> Row:
    """ipywidgets lives in the kernel; what draws it lives where JupyterLab is installed."""
    name, packages = "jupyterlab_widgets", facts["packages"]
    have, kernel = packages[name], packages["ipywidgets"]
    if not packages["jupyterlab"] or not kernel:
        return Row(name, have or "not in the kernel's environment, nor is JupyterLab")
    value = f"{have or 'not installed'}, beside JupyterLab {packages['jupyterlab']}"
    wanted = MANAGERS.get(_major(kernel))
    if have and wanted in (None, _major(have)):
        return Row(name, value)
    pip = f"%pip install 'jupyterlab_widgets=={wanted or 3}.*'"
    advice = f"ipywidgets {kernel} needs it: {pip}, restart JupyterLab and reload the page."
    return Row(name, value, "problem", advice)


def _device(facts: Facts) -> Row:
    build = f"torch's CUDA {facts['cuda']} build" if facts["cuda"] else "torch's CPU build"
    if facts["device"] == "cuda":
        free, total = facts["gpu_memory"]
        size = f"{free / GB:.0f} of {total / GB:.0f} GB free"
        return Row("device", f"{facts['device_name']}, CUDA {facts['cuda']}, {size}")
    if facts["device"] == "mps":
        return Row("device", f"Apple GPU (MPS), {facts['device_name']}")
    value = f"CPU only: {facts['device_name']}, {build}"
    if not facts["nvidia"]:
        return Row("device", value)
    advice = f"An NVIDIA driver is here, but {build} sees no GPU: " + (
        "the driver may be too old for it, or CUDA_VISIBLE_DEVICES may hide the GPU."
        if facts["cuda"]
        else "install a CUDA build of torch and torchvision."
    )
    return Row("device", value, "note", advice)


def _cores(facts: Facts) -> Row:
    return Row("cores", f"{facts['cores']:g} of {facts['host_cores']} may be used")


def _threads(facts: Facts) -> Row:
    """A container's torch starts a thread for every core of the host, and they wait in turn."""
    threads, fit = facts["threads"], max(1, math.floor(facts["cores"]))
    if threads <= fit:
        return Row("torch threads", str(threads))
    advice = (
        f"{threads} threads share {facts['cores']:g} cores and slow each other down: "
        f"torch.set_num_threads({fit}), or OMP_NUM_THREADS={fit} before the kernel starts."
    )
    return Row("torch threads", str(threads), "note", advice)


def _memory(facts: Facts) -> Row:
    total, free = facts["memory"]
    if total is None:
        return Row("memory", "this system does not tell")
    if free is None:
        return Row("memory", f"{total / GB:.1f} GB in all")
    value = f"{free / GB:.1f} of {total / GB:.1f} GB free"
    if free >= MEMORY:
        return Row("memory", value)
    advice = "A lab needs 2 GB: shut down other kernels and close other programs."
    return Row("memory", value, "problem", advice)


def _disk(facts: Facts) -> Row:
    value = f"{facts['disk_free'] / GB:.1f} GB free for the cache"
    if facts["disk_free"] >= DISK:
        return Row("disk", value)
    advice = (
        "Downloads and prepared data need 1 GB: make room, or name another disk in LABKIT_DATA."
    )
    return Row("disk", value, "problem", advice)


def _driver(facts: Facts) -> Row:
    return Row("training", f"{facts['driver']} driver: {DRIVERS[facts['driver']]}")


def _cache(facts: Facts) -> Row:
    value = f"{facts['cache']}, {facts['cache_bytes'] / 1e6:,.0f} MB; delete it whenever you like"
    if facts["writable"]:
        return Row("cache", value)
    advice = "It cannot be written: data is made anew each time. LABKIT_DATA names another folder."
    return Row("cache", value, "note", advice)


def _speed(facts: Facts) -> Row:
    if facts["rate"] is None:
        return Row("speed", "not timed (quick)")
    value = f"convnet trains on {facts['rate']:,.0f} images/s in {facts['precision']}"
    if facts["reference"]:
        theirs = facts["reference"]
        value += f"; reference machine, {theirs['cores']} CPU cores: {theirs['rate']:,.0f}"
    return Row("speed", value)


def _lab01(facts: Facts) -> Row:
    """The recorded time of the whole lab, its training part scaled by the speed found here."""
    size, theirs = budget("lecture"), facts["reference"]
    work = f"{size.epochs} epochs of {size.train:,} images a training"
    if not theirs:
        return Row("lab 01", f"lecture budget: {work}; no recorded time ships with this copy")
    if facts["rate"] is None:
        value = f"{theirs['seconds']:.0f} s at the lecture budget on the reference machine ({work})"
        return Row("lab 01", value)
    seconds = FIXED + (theirs["seconds"] - FIXED) * theirs["rate"] / facts["rate"]
    value = (
        f"about {float(f'{seconds:.2g}'):,.0f} s for lab 01 at the lecture budget here "
        f"({work}); {theirs['seconds']:.0f} s on the reference machine"
    )
    if seconds <= PATIENCE:
        return Row("lab 01", value)
    advice = (
        "If nothing else keeps the cores busy, stay with the smoke budget here, or take a GPU "
        "(Colab lends one) for the lecture budget."
    )
    return Row("lab 01", value, "note", advice)


def _major(version: str) -> int:
    return int(version.split(".")[0])


def _mark(row: Row) -> str:
    return "" if row.verdict == "ok" else f"  [{row.verdict}]"


def _named(rows: Iterable[Row], text: str) -> str:
    names = ", ".join(row.what for row in rows)
    return text.format(names) if names else ""
