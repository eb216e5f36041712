"""The doctor's panel: the report as a table, and a line that the front end itself fills in."""

import html
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from labkit.training.doctor import Report, Row
from labkit.widgets.panel import Panel

SLOW = 200.0  # milliseconds a round trip may take before sliders lag behind the hand
INSTALL = (
    "Install anywidget and jupyterlab_widgets where JupyterLab itself runs (that may be another "
    "environment than the kernel's: `make lab` keeps both in one), restart it, reload the page."
)
LAG = (
    "Let running cells end and shut down other kernels; where the server is far away, move sliders "
    "by the arrow keys."
)
MEND = {  # by host: what to do when no front end answers
    "jupyter": INSTALL,
    "colab": "Run the set-up cell again, then this one. If that does not help: Runtime, Disconnect "
    "and delete runtime, Run all.",
    "vscode": "Allow widget scripts: set jupyter.widgetScriptSources to jsdelivr.com and "
    "unpkg.com, and reload the window. Or use JupyterLab in a browser: `make lab`.",
    "kernel": "Nothing is wrong where a program runs the notebook (papermill, nbconvert). On a "
    "page: " + INSTALL,
    "terminal": "This is no notebook: `make lab` opens the labs in one.",
}

ASKS = find_spec("anywidget") is not None  # the doctor must also work where it is missing

if ASKS:
    import anywidget

    class FrontEnd(anywidget.AnyWidget):
        """One line, written by the browser. `answer` is what it found: front_end, browser, ms."""

        _esm = (Path(__file__).parent / "doctor.js").read_text(encoding="utf-8")
        answer = traitlets.Dict().tag(sync=True)

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.on_msg(self._pong)

        def _pong(self, _: ipywidgets.Widget, content: Mapping[str, Any], buffers: Any) -> None:
            if "ping" in content:
                self.send({"pong": content["ping"]})


def doctor(report: Report) -> "DoctorPanel":
    """A panel of `labkit.training.doctor()` that also asks the front end."""
    return DoctorPanel(report)


class DoctorPanel(Panel):
    """See `doctor`."""

    def __init__(self, report: Report) -> None:
        self.report = report
        asked = {"front_end": FrontEnd(layout={"margin": "2px"})} if ASKS else {}
        super().__init__("doctor", asked, [])
        for probe in asked.values():
            probe.observe(self._heard, "answer")
        self.box.children = [ipywidgets.HTML(table(report)), *asked.values(), self.line]
        self._heard()

    @property
    def answer(self) -> dict[str, Any]:
        """front_end, browser, ms (the median of ten round trips); empty until the page answers."""
        probe = self.widgets.get("front_end")
        return dict(probe.answer) if probe is not None else {}

    def _heard(self, _: object = None) -> None:
        said, advice = listen(self.answer, self.report)
        self.say(f"{self.report.summary} {said}", advice)

    def __repr__(self) -> str:
        return f"{self.report}\n{super().__repr__()}"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """Where the page draws no widgets at all the table comes as plain HTML, and says so."""
        mend = MEND[self.report.facts["host"]]
        silent = f"Run this cell. If you read this even then, no slider will move a figure. {mend}"
        plain = f"{table(self.report)}<p><b>{html.escape(silent)}</b></p>"
        return {**super()._repr_mimebundle_(**options), "text/html": plain}


def listen(answer: Mapping[str, Any], report: Report) -> tuple[str, str]:
    """(what the front end's answer means, what to do about it or "")."""
    if not ASKS:
        return "The front end was not asked: anywidget is missing.", ""
    if not answer:
        mend = MEND[report.facts["host"]]
        return (
            "No front end has answered yet.",
            f"If this line stays for ten seconds, no slider will move a figure. {mend}",
        )
    page, version = answer["front_end"], report.facts["packages"]["jupyterlab"]
    other = version and page.startswith("JupyterLab ") and page != f"JupyterLab {version}"
    said = f"The kernel's own environment has JupyterLab {version}. " if other else ""
    if answer["ms"] <= SLOW:
        return f"{said}The front end answers: sliders will follow the mouse.", ""
    return f"{said}The front end answers slowly: sliders will lag behind the mouse.", LAG


def table(report: Report) -> str:
    """The report as an HTML table in the page's own colours; the verdict stands there in words."""
    parts = []
    for title, rows in report.sections.items():
        parts.append(f"<tr><th colspan='3' scope='rowgroup'{_LEFT}>{html.escape(title)}</th></tr>")
        parts += [_line(row) for row in rows]
    style = "style='line-height:1.4;border-collapse:collapse;text-align:left'"
    return f"<table {style}><caption{_LEFT}>Doctor's report</caption>{''.join(parts)}</table>"


_LEFT = " style='text-align:left;padding:0.3em 1em 0.1em 0'"


def _line(row: Row) -> str:
    what, value, verdict = map(html.escape, (row.what, row.value, row.verdict))
    if row.advice:
        verdict, value = f"<b>{verdict}</b>", f"{value}<br><b>{html.escape(row.advice)}</b>"
    cell = "style='padding:0 1em 0 0;vertical-align:top;text-align:left'"
    scope = f"<th scope='row' {cell[:-1]};font-weight:normal'>{what}</th>"
    return f"<tr>{scope}<td {cell}>{verdict}</td><td {cell}>{value}</td></tr>"
