"""Lab 00 as a newcomer meets it: the doctor answers, pictures follow, data loads, runs stop.

The tests are the steps of one visit, in order.
"""

import re

import pytest

from tests.browser.visit import PanelView

pytestmark = pytest.mark.browser
DRAWN = "p => p.querySelector('.cartesianlayer image').getAttribute('href')"


@pytest.fixture(scope="module")
def lab(notebook, root):
    page = notebook(root / "labs" / "00_orientation.ipynb")
    page.run_all()
    return page


def pictures(panel) -> str:
    """What the panel draws, as the page has it."""
    return panel.plot.evaluate(DRAWN)


def test_run_all_is_clean_and_the_front_end_answers(lab):
    assert lab.stderr() == []
    report = PanelView(lab, "Doctor's report")
    report.box.scroll_into_view_if_needed()
    assert lab.until(lambda: re.search(r"answers in \d+ ms", report.box.text_content()), 15)
    assert "Drawn by JupyterLab" in report.box.text_content()
    lab.shot("lab00-doctor")


def test_pictures_follow_every_slider(lab):
    panel = lab.panel("Motif-100 at difficulty")
    for number in range(3):  # difficulty, bias, seed
        before = pictures(panel)
        panel.handle(number).press("ArrowRight")
        lab.until(lambda before=before: pictures(panel) != before, 5)
    before = pictures(panel)
    panel.box.locator("select").first.select_option("object only")
    lab.until(lambda: pictures(panel) != before, 5)
    lab.shot("lab00-tour")


def test_data_loads_in_the_panel(lab):
    panel = lab.panel("training pictures")
    panel.button("Load").click()
    lab.until(lambda: "ready after" in panel.box.text_content(), 30)
    assert "sha256" in panel.box.text_content()
    panel.box.locator("select").first.select_option("folder")
    panel.box.locator("input[type=text]").fill("/nowhere/at/all")
    panel.button("Load").click()
    lab.until(lambda: "does not exist" in panel.box.text_content(), 10)
    lab.shot("lab00-data")


def test_a_training_starts_stops_and_goes_on(lab):
    panel = lab.panel("Resume")
    panel.button("Start").click()
    lab.until(lambda: re.search(r"step [1-9]", panel.box.text_content()), 30)
    panel.button("Stop").click()
    lab.until(lambda: "paused" in panel.box.text_content(), 5)
    panel.button("Resume").click()
    lab.until(lambda: "running" in panel.box.text_content(), 5)
    panel.button("Stop").click()
    lab.until(lambda: "paused" in panel.box.text_content(), 5)


def test_the_page_stays_quiet_and_local(lab):
    assert lab.errors == []
    assert lab.outside == []
    assert lab.bytes < 8e6
