"""The data panel: choose a source, load it, see what came."""

import threading
import time
from typing import Any

import ipywidgets

from labkit import data
from labkit.data.progress import told_to
from labkit.figures.motif import gallery
from labkit.training import pick_driver
from labkit.widgets.controls import choice
from labkit.widgets.live import live, update
from labkit.widgets.panel import Panel, row

CHOICES = ("motif100", "cifar10", "cifar100", "folder")
SHOWN = 24  # pictures


class DataPanel(Panel):
    """See `data_panel`. `dataset` is what was loaded last, `error` why nothing was."""

    def __init__(self, name: str, dataset: data.Dataset, driver: str) -> None:
        self.dataset, self.busy = dataset, False
        self.error: Exception | None = None
        self._threaded = pick_driver(driver) == "thread"
        look = {"description": "folder", "placeholder": "~/pictures", "style": {}}
        self.path = ipywidgets.Text(**look, layout={"width": "26em"})
        self.button = ipywidgets.Button(description="Load", button_style="primary")
        self.source = choice("data set", CHOICES[0], CHOICES)
        controls = {"source": self.source, "path": self.path, "load": self.button}
        super().__init__(name, controls, [live(_pictures(dataset, 0.0))])
        self.button.on_click(lambda _: self.load())
        self.source.observe(lambda _: self._show_path(), "value")
        self._show_path()
        self.box.children = [row(controls.values()), self.line, self.figure]
        self.say(_what(dataset))

    def load(self) -> None:
        """Load what is chosen; in JupyterLab in a thread, so that the page stays alive."""
        if self.busy:
            return
        self.busy = self.button.disabled = True
        if self._threaded:
            threading.Thread(target=self._load, daemon=True).start()
        else:
            self._load()

    def wait(self, seconds: float | None = None) -> None:
        """Until the loading that is going on has ended."""
        end = time.monotonic() + (seconds if seconds is not None else 1e9)
        while self.busy and time.monotonic() < end:
            time.sleep(0.02)

    def _load(self) -> None:
        chosen = self.source.value
        path = self.path.value.strip().strip("'\"")  # as copied from a terminal
        name = f"folder:{path}" if chosen == "folder" else chosen
        self.say(f"Loading {name} ...")
        began = time.monotonic()
        try:
            with told_to(self.say):
                loaded = data.load(name)
            update(self.figure, _pictures(loaded, time.monotonic() - began))
        except Exception as error:  # whatever a disk or a network comes up with
            self.error = error
            self.say(f"{name} was not loaded; below is still {self.dataset.name}.", str(error))
        else:
            self.dataset, self.error = loaded, None
            self.say(_what(loaded, time.monotonic() - began))
        finally:
            self.busy = self.button.disabled = False

    def _show_path(self) -> None:
        self.path.layout.display = "" if self.source.value == "folder" else "none"


def data_panel(dataset: data.Dataset, *, name: str = "data", driver: str = "auto") -> DataPanel:
    """A panel that shows `dataset` and loads another: a source, a button, progress, a digest."""
    return DataPanel(name, dataset, driver)


def _what(dataset: data.Dataset, seconds: float | None = None) -> str:
    sizes = " + ".join(f"{len(dataset.split(part)):,}" for part in ("train", "val", "test"))
    after = "" if seconds is None else f", ready after {seconds:.1f} s"
    return (
        f"{dataset.name}: {sizes} pictures (train + val + test) of {dataset.classes} classes"
        f"{after}; sha256 {dataset.digest[:16]}."
    )


def _pictures(dataset: data.Dataset, seconds: float) -> Any:
    first = dataset.train.subset(dataset.train.balanced(min(SHOWN, len(dataset.train))))
    texts = [dataset.class_names[label] for label in first.labels.tolist()]
    title = f"{dataset.name}: {len(first)} training pictures"
    caption = _what(dataset, seconds)
    return gallery(first.images.cpu(), texts, columns=12, title=title, caption=caption, height=200)
