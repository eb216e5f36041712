"""Lab 03 as a student meets it: Run All, play the circle, drag, train and stop an encoder.

The tests are the steps of one visit, in order.
"""

import re

import pytest

pytestmark = pytest.mark.browser
HEARD, CONTRAST = "negatives count; the hardest", "Resume"


@pytest.fixture(scope="module")
def lab(notebook, root, bench):
    page = notebook(root / "labs" / "03_learning_by_contrast.ipynb")
    bench["lab03_run_all_s"] = round(page.run_all(), 1)
    return page


def test_run_all_is_clean_and_the_circle_is_dragged_and_plays(lab):
    assert lab.stderr() == []
    panel = lab.panel("repulsion")
    shapes, sentence = panel.shapes, panel.sentence
    panel.drag(40)  # the step
    lab.until(lambda: panel.shapes != shapes and panel.sentence != sentence, 10)
    before = panel.sentence
    panel.box.locator("button").first.click()
    lab.until(lambda: panel.sentence != before, 10)
    panel.box.locator("button").first.click()
    lab.shot("lab03-circle")


def test_arrow_keys_redraw_quickly(lab, bench):
    panel = lab.panel(HEARD)
    shapes, sentence = panel.shapes, panel.sentence
    panel.handle(1).press("ArrowLeft")  # the negatives: other curves
    lab.until(lambda: panel.shapes != shapes and panel.sentence != sentence, 10)
    bench["heard"] = panel.latency(presses=20)  # the temperature: marks move along the curves
    lab.shot("lab03-heard")


def test_an_encoder_learns_and_stops_and_k_moves_the_loss_alone(lab):
    panel = lab.panel(CONTRAST)
    panel.button("Start").click()
    lab.until(lambda: re.search(r"step [2-9]\d* of", panel.box.text_content()), 30)
    panel.button("Stop").click()
    lab.until(lambda: "paused" in panel.box.text_content(), 15)
    heaps, told = panel.shapes, panel.box.text_content()
    panel.handle(1).press("ArrowLeft")  # the negatives
    lab.until(lambda: panel.box.text_content() != told, 10)
    assert panel.shapes == heaps  # the loss moved, the embedding did not
    lab.shot("lab03-training")


def test_the_page_stays_quiet_and_local(lab):
    assert lab.errors == []
    assert lab.outside == []
    assert lab.bytes < 12e6
