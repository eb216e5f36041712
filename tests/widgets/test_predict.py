"""A guess comes before the answer: what the page may know when, and what is kept."""

import sys

import ipywidgets
import pytest

from labkit import progress, widgets


@pytest.fixture(autouse=True)
def kept(monkeypatch, tmp_path):
    """Lines are kept in a folder of the test's own, and each test is a new kernel."""
    monkeypatch.setenv("LABKIT_RUNS", str(tmp_path))
    monkeypatch.setenv("LABKIT_PROGRESS", "on")
    monkeypatch.setattr(sys.modules["labkit.widgets.predict"], "_locked", {})
    return tmp_path / "progress.jsonl"


REFERENCES = ("children", "layout", "style")  # widgets by id, which differs every time


def states(widget):
    """Everything a front end is told about a widget and those inside it."""
    state = {key: value for key, value in widget.get_state().items() if key not in REFERENCES}
    return "".join([repr(state), *map(states, getattr(widget, "children", ()))])


def number(answer=73.25, **settings):
    chosen = {"low": 0, "high": 100, "unit": "%", "lab": "01"} | settings
    return widgets.predict("test", "How many are right?", answer, **chosen)


def which(answer="the loss"):
    options = ["the loss", "the network", "neither"]
    return widgets.predict_choice("test", "Which moves?", options, answer, lab="01")


def test_before_the_lock_in_the_answer_is_nowhere(kept):
    asked = []
    panel = number(lambda: asked.append(1) or 73.25)
    assert "73" not in states(panel.box) + repr(panel) + panel.line.value
    assert asked == [] and not panel.locked and not kept.exists()
    assert "How many are right?" in states(panel.box)
    assert "73" not in states(number().box)
    panel = which()
    assert panel.widgets["guess"].value is None and panel.widgets["guess"].index is None
    assert states(panel.box) == states(which("neither").box)


def test_the_lock_in_tells_how_far_off_and_is_final(kept):
    asked = []
    panel = number(lambda: asked.append(1) or 73.25)
    panel.widgets["guess"].value = 40
    panel.widgets["lock"].click()
    said = "You said 40 %, it is 73.25 %: 33.25 points too low."
    assert panel.caption == said and repr(panel) == f"[panel predict test] {said}" and panel.locked
    assert all(widget.disabled for widget in panel.widgets.values())
    panel.widgets["guess"].value = 73
    panel.lock()
    (entry,) = progress.read(kept)
    assert panel.caption == said and asked == [1]
    assert (entry["kind"], entry["lab"], entry["name"], entry["attempt"]) == (
        "prediction", "01", "test", 1,
    )  # fmt: skip
    assert (entry["guess"], entry["answer"], entry["unit"]) == (40.0, 73.25, "%")
    assert entry["off"] == pytest.approx(0.3325)


@pytest.mark.parametrize(
    ("guess", "said"),
    [(80, "6.75 points too high."), (73, "as near as the slider can say."), (74, "0.75 points")],
)
def test_what_is_said(guess, said):
    panel = number()
    panel.widgets["guess"].value = guess
    panel.lock()
    assert said in panel.caption


def test_other_units_and_steps():
    panel = number(2.0, low=0, high=4, unit="nats")
    assert isinstance(panel.widgets["guess"], ipywidgets.FloatSlider)
    assert (panel.widgets["guess"].value, panel.widgets["guess"].step) == (2.0, 0.04)
    panel.widgets["guess"].value = 3.0
    panel.lock()
    assert panel.caption == "You said 3 nats, it is 2 nats: 1 nats too high."
    assert number(0.3, low=0, high=1, unit="").widgets["guess"].description == "your guess"
    count = number(600, low=1, high=1000, step=1, unit="images").widgets["guess"]
    assert isinstance(count, ipywidgets.IntSlider) and 1 < count.value < 1000


def test_a_second_lock_in_after_a_rerun_is_attempt_2(kept):
    first = number()
    first.lock()
    again = number()
    assert first.closed and not again.locked and not again.widgets["guess"].disabled
    again.lock()
    assert again.caption.endswith("(attempt 2)")
    assert [entry["attempt"] for entry in progress.read(kept)] == [1, 2]


def test_a_new_kernel_knows_the_attempts_of_the_last(kept, monkeypatch):
    number().lock()
    monkeypatch.setattr(sys.modules["labkit.widgets.predict"], "_locked", {})
    number().lock()
    number(lab="02").lock()
    assert [entry["attempt"] for entry in progress.read(kept)] == [1, 2, 1]


def test_attempts_count_where_nothing_is_kept(monkeypatch, kept):
    monkeypatch.setenv("LABKIT_PROGRESS", "off")
    number().lock()
    again = number()
    again.lock()
    assert again.caption.endswith("(attempt 2)") and not kept.exists()


@pytest.mark.parametrize("answer", [lambda: 1 / 0, lambda: float("nan"), lambda: "much"])
def test_an_answer_that_fails_locks_nothing(answer, kept):
    panel = number(answer)
    panel.widgets["lock"].click()
    assert not panel.locked and "No answer: " in panel.line.value and not kept.exists()
    assert not any(widget.disabled for widget in panel.widgets.values())


def test_which_one(kept):
    panel = which()
    panel.widgets["lock"].click()
    assert panel.caption == "Choose one first." and not panel.locked and not kept.exists()
    panel.widgets["guess"].value = "neither"
    panel.widgets["lock"].click()
    assert panel.caption == "You said neither, it is the loss." and panel.locked
    panel = which(lambda: "the loss")
    panel.widgets["guess"].value = "the loss"
    panel.lock()
    assert panel.caption == "You said the loss: right. (attempt 2)"
    assert [(e["kind"], e["right"]) for e in progress.read(kept)] == [
        ("choice", False), ("choice", True),
    ]  # fmt: skip


def test_questions_are_text(kept):
    panel = widgets.predict_choice("test", "<script>x</script>", ["<b>", "c"], "<b>", lab="01")
    panel.widgets["guess"].value = "<b>"
    panel.lock()
    assert "&lt;script&gt;" in states(panel.box) and "<script>" not in states(panel.box)
    assert "&lt;b&gt;" in panel.line.value and "<b>:" not in panel.line.value


def test_controls_are_labelled():
    for panel in (number(), which()):
        assert panel.widgets["guess"].description.startswith("your guess")
        assert panel.widgets["lock"].description == "Lock in" and panel.widgets["lock"].tooltip


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="high must be above low, got low=1 and high=1"):
        number(low=1, high=1)
    with pytest.raises(ValueError, match="step must be a finite number above 0, got -1"):
        number(step=-1)
    with pytest.raises(ValueError, match="two or more"):
        widgets.predict_choice("test", "?", ["a", "a"], "a")
    with pytest.raises(ValueError, match="Did you mean 'the loss'"):
        which("the los")


def test_a_figure_of_the_same_name_stays_open(draw):
    figure = widgets.explore(draw, name="test", temperature=widgets.temperature(4.0))
    number().close()
    assert not figure.closed
    figure.close()


def test_a_closed_panel_leaves_no_widgets(alive):
    number().close()
    before = alive()
    number().close()
    assert alive() == before
