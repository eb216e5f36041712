"""Lab 07 as a student meets it: Run All, drag the nats, train and see the heat map redraw.

The tests are the steps of one visit, in order.
"""

import re

import pytest

pytestmark = pytest.mark.browser
NATS, LOOKING, LIVE = "true nats", "centred", "Resume"


@pytest.fixture(scope="module")
def lab(notebook, root, bench):
    page = notebook(root / "labs" / "07_mimkd.ipynb")
    bench["lab07_run_all_s"] = round(page.run_all(), 1)
    return page


def test_run_all_is_clean_and_dragging_redraws(lab, bench):
    assert lab.stderr() == []
    panel = lab.panel(NATS)
    sentence = panel.sentence
    assert sentence.startswith("From 8 to 10 nats")
    panel.drag(-120)  # the true nats, to 0
    lab.until(lambda: panel.sentence != sentence, 10)
    bench["hidden"] = panel.latency(presses=20)
    lab.shot("lab07-hidden")


def test_the_heat_map_follows_the_training(lab):
    panel = lab.panel(LIVE)
    panel.button("Start").click()
    lab.until(lambda: re.search(r"step ([2-9]|\d{2,}) of", panel.box.text_content()), 60)
    panel.button("Stop").click()
    lab.until(lambda: "paused" in panel.box.text_content(), 10)
    heat = lab.panel(LOOKING)
    assert re.search(r"critic after (?!0 )\d+ steps", heat.plot.text_content())
    lab.shot("lab07-looking")


def test_the_page_stays_quiet_and_local(lab):
    assert lab.errors == []
    assert lab.outside == []
    assert lab.bytes < 12e6
