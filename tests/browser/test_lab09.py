"""Lab 09 as a student meets it: Run All, drag the batch, type words, train and see the curve grow.

The tests are the steps of one visit, in order.
"""

import re

import pytest

pytestmark = pytest.mark.browser
SCORES, FIND, LIVE = "negatives K", "find", "Resume"


@pytest.fixture(scope="module")
def lab(notebook, root, bench):
    page = notebook(root / "labs" / "09_clip_lite.ipynb")
    bench["lab09_run_all_s"] = round(page.run_all(), 1)
    return page


def test_run_all_is_clean_and_dragging_redraws(lab, bench):
    assert lab.stderr() == []
    panel = lab.panel(SCORES)
    sentence = panel.sentence
    panel.drag(-120)
    lab.until(lambda: panel.sentence != sentence, 10)
    bench["pairs"] = panel.latency(presses=20, slider=2)  # the temperature
    assert bench["pairs"]["p95_ms"] < 250
    lab.shot("lab09-scores")


def test_words_find_pictures(lab):
    panel = lab.panel(FIND)
    before = panel.sentence
    box = panel.box.locator("input[type=text]").first
    box.fill("a solid disc")
    box.press("Enter")
    lab.until(lambda: panel.sentence != before and "solid disc" in panel.sentence, 10)
    lab.shot("lab09-find")


def test_the_training_grows(lab):
    panel = lab.panel(LIVE)
    panel.button("Start").click()
    lab.until(lambda: re.search(r"step ([2-9]|\d{2,}) of", panel.box.text_content()), 60)
    panel.button("Stop").click()
    lab.until(lambda: "paused" in panel.box.text_content(), 10)


def test_the_page_stays_quiet_and_local(lab):
    assert lab.errors == []
    assert lab.outside == []
    assert lab.bytes < 12e6
