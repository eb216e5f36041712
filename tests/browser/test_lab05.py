"""Lab 05 as a student meets it: Run All, drag the copy and K, train and see the bank fill.

The tests are the steps of one visit, in order.
"""

import re

import pytest

pytestmark = pytest.mark.browser
CLASSIFY, BAND, STALE, CONTRAST = "share copied", "Z, times", "slots have been written", "Resume"


@pytest.fixture(scope="module")
def lab(notebook, root, bench):
    page = notebook(root / "labs" / "05_crd.ipynb")
    bench["lab05_run_all_s"] = round(page.run_all(), 1)
    return page


def test_run_all_is_clean_and_dragging_redraws(lab, bench):
    assert lab.stderr() == []
    panel = lab.panel(CLASSIFY)
    sentence = panel.sentence
    panel.drag(40)  # the share that is copied
    lab.until(lambda: panel.sentence != sentence, 10)
    panel.handle(1).press("PageUp")  # tau
    bench["classify"] = panel.latency(presses=20)
    lab.shot("lab05-classify")


def test_many_negatives_are_marked_where_they_repeat(lab):
    panel = lab.panel(BAND)
    panel.handle(1).press("End")
    lab.until(lambda: "K = 16,384" in panel.sentence, 10)
    assert "16,384*" in panel.box.text_content()
    lab.shot("lab05-band")


def test_the_bank_follows_the_training(lab):
    panel = lab.panel(CONTRAST)
    panel.button("Start").click()
    lab.until(lambda: re.search(r"step ([4-9]\d|\d{3,}) of", panel.box.text_content()), 60)
    panel.button("Stop").click()
    lab.until(lambda: "paused" in panel.box.text_content(), 10)
    bank = lab.panel(STALE)
    assert re.search(r"After (?!0 )\d+ steps", bank.sentence)
    lab.shot("lab05-bank")


def test_the_page_stays_quiet_and_local(lab):
    assert lab.errors == []
    assert lab.outside == []
    assert lab.bytes < 12e6
