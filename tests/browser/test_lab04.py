"""Lab 04 as a student meets it: Run All, drag the copy and tau, train and see the matrix sharpen.

The tests are the steps of one visit, in order.
"""

import re

import pytest

pytestmark = pytest.mark.browser
WHO, SHARPENS, CONTRAST = "share copied", "moment", "Resume"


@pytest.fixture(scope="module")
def lab(notebook, root, bench):
    page = notebook(root / "labs" / "04_ckd.ipynb")
    bench["lab04_run_all_s"] = round(page.run_all(), 1)
    return page


def test_run_all_is_clean_and_dragging_redraws(lab, bench):
    assert lab.stderr() == []
    panel = lab.panel(WHO)
    sentence = panel.sentence
    panel.drag(-40)  # the share that is copied
    lab.until(lambda: panel.sentence != sentence, 10)
    panel.handle(2).press("ArrowLeft")  # the negatives: 63 to 31
    lab.until(lambda: "among 31 negatives" in panel.sentence, 10)
    bench["who"] = panel.latency(presses=20)
    lab.shot("lab04-who")


def test_the_matrix_follows_the_training(lab):
    panel = lab.panel(CONTRAST)
    panel.button("Start").click()
    lab.until(lambda: re.search(r"step ([4-9]\d|\d{3,}) of", panel.box.text_content()), 60)
    panel.button("Stop").click()
    lab.until(lambda: "paused" in panel.box.text_content(), 10)
    matrix = lab.panel(SHARPENS)
    assert re.search(r"after (?!0 )\d+ steps", matrix.plot.text_content())
    lab.shot("lab04-sharpens")
    places = lab.page.locator(".jp-OutputArea-output .widget-vbox").filter(has_text=SHARPENS)
    assert places.count() >= 2  # once more under the training panel
    assert matrix.sentence == places.last.locator(".widget-html-content").last.text_content()


def test_the_page_stays_quiet_and_local(lab):
    assert lab.errors == []
    assert lab.outside == []
    assert lab.bytes < 12e6
