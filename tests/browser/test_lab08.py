"""Lab 08 as a student meets it: Run All, drag the number of seeds, filter the board.

The tests are the steps of one visit, in order.
"""

import pytest

pytestmark = pytest.mark.browser
SEEDS, POWER = "how many seeds", "true difference"


@pytest.fixture(scope="module")
def lab(notebook, root, bench):
    page = notebook(root / "labs" / "08_bakeoff.ipynb")
    bench["lab08_run_all_s"] = round(page.run_all(), 1)
    return page


def test_run_all_is_clean_and_seeds_redraw(lab, bench):
    assert lab.stderr() == []
    panel = lab.panel(SEEDS)
    sentence = panel.sentence
    assert "is highest" in sentence
    panel.drag(-60)  # the first seed
    lab.until(lambda: panel.sentence != sentence, 10)
    lab.shot("lab08-seeds")


def test_dragging_the_true_difference_moves_the_power(lab, bench):
    panel = lab.panel(POWER)
    sentence = panel.sentence
    panel.drag(-120)  # to 0, so that 20 presses have room
    lab.until(lambda: panel.sentence != sentence, 10)
    bench["power"] = panel.latency(presses=20)
    lab.shot("lab08-power")


def test_the_page_stays_quiet_and_local(lab):
    assert lab.errors == []
    assert lab.outside == []
    assert lab.bytes < 12e6
