"""A real JupyterLab in a real browser: server, Chromium and the steps that worked.

Skipped, with the reason, where Chromium or Playwright is missing; with LABKIT_REQUIRE_BROWSER=1
that is a failure. LABKIT_SCREENSHOTS=DIR keeps pictures, LABKIT_BENCH_OUT=FILE the numbers.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.visit import Page, Server

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


def unavailable(reason: str) -> None:
    """Skip, or fail where a browser is required."""
    if os.environ.get("LABKIT_REQUIRE_BROWSER") == "1":
        pytest.fail(f"LABKIT_REQUIRE_BROWSER=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("jupyter"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("playwright is not installed (pip install playwright)")
    paths = [os.environ.get("LABKIT_CHROMIUM"), *map(shutil.which, CHROMIUM_NAMES)]
    path = next(filter(None, paths), None)
    if path is None:
        unavailable(f"none of {', '.join(CHROMIUM_NAMES)} is on the PATH (apt install chromium)")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def notebook(chromium, server) -> Iterator[object]:
    """open_notebook(path) -> Page with the notebook shown and its kernel idle."""
    contexts = []

    def open_notebook(source: Path, width: int = 1280, height: int = 1000) -> Page:
        shutil.copy(source, server.root / source.name)
        context = chromium.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = Page(context.new_page(), server, source.name)
        page.open()
        return page

    yield open_notebook
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def bench() -> Iterator[dict]:
    """Numbers measured on the way; written as JSON where LABKIT_BENCH_OUT says."""
    numbers: dict = {"load_average": os.getloadavg()[0]}
    yield numbers
    target = os.environ.get("LABKIT_BENCH_OUT")
    if target:
        Path(target).write_text(json.dumps(numbers, indent=1) + "\n")
