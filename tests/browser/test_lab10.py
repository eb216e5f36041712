"""Lab 10 as a student meets it: Run All, cut edges, write a sentence, train and watch the graph.

The tests are the steps of one visit, in order.
"""

import re

import pytest

pytestmark = pytest.mark.browser
GRAPH, EDGE, LIVE = "threshold", "logit gamma", "Resume"


@pytest.fixture(scope="module")
def lab(notebook, root, bench):
    page = notebook(root / "labs" / "10_wigraph.ipynb")
    bench["lab10_run_all_s"] = round(page.run_all(), 1)
    return page


def test_run_all_is_clean_and_dragging_redraws(lab, bench):
    assert lab.stderr() == []
    panel = lab.panel(GRAPH)
    sentence = panel.sentence
    panel.drag(120)  # the threshold, to 1: no edge is left
    lab.until(lambda: panel.sentence != sentence, 10)
    lab.shot("lab10-cut")
    bench["edge"] = lab.panel(EDGE).latency(presses=20)


def test_a_sentence_of_ones_own_is_read(lab):
    panel = lab.panel(GRAPH)
    before = panel.sentence
    box = panel.box.locator("input[type=text]").first
    box.fill("a dark film meets a violent story")
    box.press("Enter")
    lab.until(lambda: panel.sentence != before, 10)
    lab.shot("lab10-sentence")


def test_the_graph_follows_the_training(lab):
    panel = lab.panel(LIVE)
    panel.button("Start").click()
    lab.until(lambda: re.search(r"step ([2-9]|\d{2,}) of", panel.box.text_content()), 60)
    panel.button("Stop").click()
    lab.until(lambda: "paused" in panel.box.text_content(), 10)
    lab.shot("lab10-live")


def test_the_page_stays_quiet_and_local(lab):
    assert lab.errors == []
    assert lab.outside == []
    assert lab.bytes < 12e6
