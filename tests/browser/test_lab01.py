"""Lab 01 as a student meets it: Run All, drag, train, stop, resume, load the page again.

The tests are the steps of one visit, in order.
"""

import re
import time

import pytest

pytestmark = pytest.mark.browser
SOFTEN, DISTIL = "probability axis", "Resume"


@pytest.fixture(scope="module")
def lab(notebook, root, bench):
    page = notebook(root / "labs" / "01_dark_knowledge.ipynb")
    bench["run_all_s"] = round(page.run_all(), 1)
    return page


def trained(panel) -> int:
    """The step the training panel shows."""
    found = re.search(r"step ([\d,]+) of", panel.box.text_content())
    return int(found[1].replace(",", "")) if found else 0


def test_run_all_is_clean(lab):
    assert lab.stderr() == []
    panel = lab.panel(SOFTEN)
    assert len(panel.shapes) >= 100
    lab.shot("lab01-soften")


def test_dragging_the_temperature_moves_the_bars(lab):
    panel = lab.panel(SOFTEN)
    bars, sentence = panel.shapes, panel.sentence
    panel.drag(40)
    lab.until(lambda: panel.shapes != bars and panel.sentence != sentence, 5)


def test_arrow_keys_redraw_quickly(lab, bench):
    panel = lab.panel(SOFTEN)
    bars = panel.shapes
    panel.handle().press("ArrowLeft")
    lab.until(lambda: panel.shapes != bars, 5)
    bench["soften"] = panel.latency()
    assert bench["soften"]["p95_ms"] < 250


def test_train_drag_stop_resume(lab, bench):
    panel = lab.panel(DISTIL)
    panel.button("Start").click()
    lab.until(lambda: trained(panel) >= 3, 20)
    panel.drag(25)
    lab.until(lambda: "temperature 4" in panel.plot.text_content(), 5)
    bench["while_training"] = lab.panel(SOFTEN).latency(presses=20)
    panel.show()
    panel.button("Stop").click()
    lab.until(lambda: "paused" in panel.box.text_content(), 5)
    stopped = trained(panel)
    lab.shot("lab01-training")
    time.sleep(0.5)
    assert trained(panel) == stopped
    panel.button("Resume").click()
    lab.until(lambda: trained(panel) > stopped, 5)
    panel.button("Stop").click()
    lab.until(lambda: "paused" in panel.box.text_content(), 5)
    assert bench["while_training"]["p95_ms"] < 250


def test_the_page_stays_small_quiet_and_local(lab, bench):
    bench["websocket_mb"] = round(lab.bytes / 1e6, 2)
    assert lab.errors == []
    assert lab.outside == []
    assert lab.bytes < 7e6


def test_figures_are_back_after_a_reload(lab):
    sentence = lab.panel(SOFTEN).sentence
    lab.reload()
    panel = lab.panel(SOFTEN)
    lab.until(lambda: len(panel.shapes) >= 100, 20)
    assert panel.sentence == sentence
    bars = panel.shapes
    panel.handle().press("ArrowRight")
    lab.until(lambda: panel.shapes != bars, 5)
    lab.shot("lab01-reloaded")
    assert lab.stderr() == []
