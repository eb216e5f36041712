"""Lab 06 as a student meets it: Run All, drag holes and epsilon, train and see the plan redraw.

The tests are the steps of one visit, in order.
"""

import re

import pytest

pytestmark = pytest.mark.browser
MOVER, JOINING, LIVE = "holes moved by", "moment", "Resume"


@pytest.fixture(scope="module")
def lab(notebook, root, bench):
    page = notebook(root / "labs" / "06_wcord.ipynb")
    bench["lab06_run_all_s"] = round(page.run_all(), 1)
    return page


def test_run_all_is_clean_and_dragging_redraws(lab, bench):
    assert lab.stderr() == []
    panel = lab.panel(MOVER)
    sentence = panel.sentence
    assert sentence.startswith("exact pays")
    panel.drag(-40)  # the holes
    lab.until(lambda: panel.sentence != sentence, 10)
    bench["mover"] = panel.latency(presses=20)
    lab.shot("lab06-mover")


def test_the_plan_follows_the_training(lab):
    panel = lab.panel(LIVE)
    panel.button("Start").click()
    lab.until(lambda: re.search(r"step ([4-9]\d|\d{3,}) of", panel.box.text_content()), 60)
    panel.button("Stop").click()
    lab.until(lambda: "paused" in panel.box.text_content(), 10)
    plan = lab.panel(JOINING)
    assert re.search(r"after (?!0 )\d+ steps", plan.plot.text_content())
    lab.shot("lab06-joining")


def test_the_page_stays_quiet_and_local(lab):
    assert lab.errors == []
    assert lab.outside == []
    assert lab.bytes < 12e6
