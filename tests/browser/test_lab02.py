"""Lab 02 as a student meets it: Run All, drag negatives and information, play, train a little.

The tests are the steps of one visit, in order.
"""

import re

import pytest

pytestmark = pytest.mark.browser
BOUNDS, STREAM, STAIR = "negatives K", "SMILE's clip", "Resume"


@pytest.fixture(scope="module")
def lab(notebook, root, bench):
    page = notebook(root / "labs" / "02_mutual_information.ipynb")
    bench["lab02_run_all_s"] = round(page.run_all(), 1)
    return page


def test_run_all_is_clean_and_dragging_redraws(lab, bench):
    assert lab.stderr() == []
    panel = lab.panel(BOUNDS)
    shapes, sentence = panel.shapes, panel.sentence
    panel.drag(-30)  # the true information
    lab.until(lambda: panel.shapes != shapes and panel.sentence != sentence, 10)
    panel.handle(1).press("ArrowRight")  # the negatives
    lab.until(lambda: "log 128" in panel.sentence, 10)
    bench["bounds"] = panel.latency(presses=20)
    lab.shot("lab02-bounds")


def test_the_stream_plays(lab):
    panel = lab.panel(STREAM)
    before = panel.sentence
    panel.box.locator("button").first.click()
    lab.until(lambda: panel.sentence != before, 10)
    panel.box.locator("button").first.click()
    lab.shot("lab02-stream")


def test_a_critic_climbs_and_stops(lab):
    panel = lab.panel(STAIR)
    panel.button("Start").click()
    lab.until(lambda: re.search(r"step [1-9][\d,]* of", panel.box.text_content()), 20)
    panel.button("Stop").click()
    lab.until(lambda: "paused" in panel.box.text_content(), 10)
    assert "the truth is 2 nats" in panel.box.text_content()
    lab.shot("lab02-stair")


def test_what_was_updated_out_of_sight_is_as_wide_as_its_place(lab):
    stair = lab.panel(STAIR)
    stair.box.locator(".widget-button").filter(has_text="Resume").click()
    for text in (BOUNDS, STREAM, STAIR):  # the stair is redrawn while the others are looked at
        panel = lab.panel(text)
        lab.page.wait_for_timeout(1500)
        lab.until(lambda panel=panel: panel.fits, 5, f"{text}: narrower than its place")
    stair.box.locator(".widget-button").filter(has_text="Stop").click()


def test_the_page_stays_quiet_and_local(lab):
    assert lab.errors == []
    assert lab.outside == []
    assert lab.bytes < 12e6
