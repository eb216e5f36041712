"""A JupyterLab server, a page of it in Chromium, and one of our panels on the page."""

import json
import math
import os
import re
import secrets
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The one address a lab names: the picture on its link to Colab. Offline its alt text stands in.
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
QUIET = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}


class Server:
    """A JupyterLab server of its own: own port, own token, own configuration, own folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        self.token = secrets.token_hex(8)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = folder / "server.log"
        settings = folder / "settings"
        settings.mkdir()
        (settings / "overrides.json").write_text(json.dumps(QUIET))
        self.process = self._start(folder, settings)
        self._wait()

    def _start(self, folder: Path, settings: Path) -> subprocess.Popen:
        env = os.environ | {
            f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")
        }
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH")]))
        env.pop("PYTEST_CURRENT_TEST", None)  # a kernel started here is no pytest
        command = [
            *(sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1"),
            *(f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0", "--allow-root"),
            *(f"--IdentityProvider.token={self.token}", "--ServerApp.open_browser=False"),
            *(f"--ServerApp.root_dir={self.root}", f"--LabApp.app_settings_dir={settings}"),
            *("--LabApp.news_url=None", "--LabApp.expose_app_in_browser=True"),
        ]
        output = self.log.open("w")
        return subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)

    def _wait(self) -> None:
        for _ in range(300):
            if self.process.poll() is not None:
                break
            try:
                self.get("api/status")
                return
            except OSError:
                time.sleep(0.2)
        self.close()
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-3000:]}")

    def get(self, path: str) -> object:
        """The JSON answer of the server's own interface."""
        url = f"http://127.0.0.1:{self.port}/{path}?token={self.token}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)

    def url(self, notebook: str) -> str:
        return f"http://127.0.0.1:{self.port}/lab/tree/{notebook}?token={self.token}&reset"

    def idle(self, notebook: str) -> bool:
        """Whether the notebook has a kernel that is connected and idle."""
        sessions = self.get("api/sessions")
        return any(
            s["path"] == notebook and s["kernel"]["execution_state"] == "idle" for s in sessions
        )

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Page:
    """A notebook open in the browser, and what a person does with it."""

    def __init__(self, page, server: Server, notebook: str) -> None:
        self.page, self.server, self.notebook = page, server, notebook
        self.bytes = 0
        self.errors: list[str] = []
        self.outside: list[str] = []
        page.on("websocket", self._count)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)

    def _count(self, websocket) -> None:
        def add(payload) -> None:
            self.bytes += len(payload if isinstance(payload, bytes) else payload.encode())

        websocket.on("framereceived", add)
        websocket.on("framesent", add)

    def _console(self, message) -> None:
        if message.type == "error" and message.location.get("url") != BADGE:
            self.errors.append(message.text)

    def _request(self, request) -> None:
        if request.url.split(":")[0] in ("http", "https", "ws", "wss") and request.url != BADGE:
            host = request.url.split("/")[2].split(":")[0]
            if host not in ("127.0.0.1", "localhost"):
                self.outside.append(request.url)

    def open(self) -> None:
        """Show the notebook and wait for a kernel that is idle (a Run All before that is lost)."""
        self.page.goto(self.server.url(self.notebook))
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=30_000)
        self.until(lambda: self.server.idle(self.notebook), 30)

    def run_all(self, timeout: float = 120) -> float:
        """Run All Cells by the menu; the seconds until every code cell has its number."""
        prompts = self.page.locator(".jp-CodeCell .jp-InputPrompt")
        began = time.monotonic()
        for _ in range(3):
            self.page.get_by_role("menuitem", name="Run", exact=True).click()
            self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            if self.until(
                lambda: any(c in "".join(prompts.all_inner_texts()) for c in "*1"), 8, ""
            ):
                break
        self.until(self._all_ran, timeout)
        return time.monotonic() - began

    CELLS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
        .filter((cell) => cell.type === 'code' && cell.sharedModel.source.trim())
        .map((cell) => [cell.executionCount, cell.executionState,
                        cell.outputs.toJSON().filter((o) => o.output_type === 'error'
                                                         || o.name === 'stderr')])"""

    def cells(self) -> list[tuple[int | None, str, list[dict]]]:
        """Number, state and outputs on stderr (or errors) of each code cell, from Lab's own model:
        what is out of sight need not be on the page."""
        return self.page.evaluate(self.CELLS)

    def _all_ran(self) -> bool:
        if self.stderr():  # an error stops Run All: the rest would be waited for in vain
            self.shot("error")
            raise AssertionError("\n".join(self.stderr()))
        return all(number and state != "running" for number, state, _ in self.cells())

    def stderr(self) -> list[str]:
        """What cells wrote to stderr, and their errors."""
        texts = [o.get("text") or o.get("evalue") for *_, bad in self.cells() for o in bad]
        return ["".join(text) for text in texts]

    def until(self, condition, seconds: float, what: str | None = None) -> bool:
        """Wait until `condition()` holds; TimeoutError unless `what` is empty."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            self.page.wait_for_timeout(50)
        if what == "":
            return False
        self.shot("timeout")
        raise TimeoutError(what or f"not within {seconds} s: {condition}")

    def reload(self) -> None:
        """Save the notebook and load the page again; the kernel lives on."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        self.page.reload()
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=30_000)

    def panel(self, text: str) -> "PanelView":
        """The panel whose text holds `text`, scrolled to and drawn."""
        return PanelView(self, text).show()

    def shot(self, name: str) -> None:
        """Keep a picture if LABKIT_SCREENSHOTS names a folder."""
        folder = os.environ.get("LABKIT_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


class PanelView:
    """One of our panels on the page: its slider, its drawing, its sentence."""

    WATCH = """(plot) => {
        window.labkit = { pressed: null, took: [] };
        plot.closest('.jp-OutputArea-output').addEventListener('keydown', (event) => {
            window.labkit.pressed = performance.now();
        }, true);
        new MutationObserver(() => {
            if (window.labkit.pressed === null) return;
            window.labkit.took.push(performance.now() - window.labkit.pressed);
            window.labkit.pressed = null;
        }).observe(plot.querySelector('.cartesianlayer'), {
            subtree: true, childList: true, attributes: true,
            attributeFilter: ['d', 'href', 'xlink:href', 'transform'] });
    }"""

    def __init__(self, page: Page, text: str) -> None:
        self.page = page.page
        boxes = page.page.locator(".jp-OutputArea-output .widget-vbox")
        self.box = boxes.filter(has_text=text).first  # what is out of sight is not drawn yet
        self.plot = self.box.locator(".js-plotly-plot").first

    def show(self) -> "PanelView":
        self.box.scroll_into_view_if_needed()
        self.plot.wait_for(timeout=20_000)
        return self

    @property
    def shapes(self) -> list[str]:
        """What is drawn: the outlines of bars and lines."""
        return self.plot.evaluate(
            "p => [...p.querySelectorAll('.cartesianlayer path')].map(e => e.getAttribute('d'))"
        )

    @property
    def fits(self) -> bool:
        """Whether the drawing is as wide as its place."""
        drawn = "p => [p.querySelector('.main-svg').clientWidth, p.clientWidth]"
        width, place = self.plot.evaluate(drawn)
        return abs(width - place) <= 1

    @property
    def sentence(self) -> str:
        return self.box.locator(".widget-html-content").last.text_content()

    def button(self, name: str):
        exactly = re.compile(rf"^\s*{name}\s*$")
        return self.box.locator(".widget-button").filter(has_text=exactly)

    def handle(self, number: int = 0):
        return self.box.locator(".noUi-handle").nth(number)

    def drag(self, pixels: float) -> None:
        """Drag the first slider by mouse."""
        place = self._at_rest()
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + pixels, y, steps=8)
        self.page.mouse.up()

    def _at_rest(self) -> dict[str, float]:
        """Where the first slider's handle is, once cells above no longer push it about."""
        before = None
        for _ in range(50):
            self.handle().scroll_into_view_if_needed()
            place = self.handle().bounding_box()
            if place == before:
                break
            before = place
            self.page.wait_for_timeout(200)
        return place

    def latency(self, presses: int = 30, pause: int = 60, slider: int = 0) -> dict[str, float]:
        """Milliseconds from a key press on a slider to the first change of the drawing."""
        self.plot.evaluate(self.WATCH)
        self.handle(slider).focus()
        for number in range(presses + 2):
            key = "ArrowRight" if number // 8 % 2 == 0 else "ArrowLeft"
            self.handle(slider).press(key)
            self.page.wait_for_function(
                f"window.labkit.took.length > {number}", timeout=5_000, polling=10
            )
            self.page.wait_for_timeout(pause)
        took = sorted(self.page.evaluate("window.labkit.took")[2:])  # the first two warm up
        return {
            "median_ms": round(statistics.median(took), 1),
            "p95_ms": round(took[math.ceil(0.95 * len(took)) - 1], 1),
            "presses": len(took),
        }
