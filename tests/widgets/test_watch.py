"""The watching panel without a front end: its second figure follows steps, not knobs."""

from labkit import figures, widgets
from labkit.figures import style
from labkit.widgets.watch import WatchPanel
from tests.widgets.panels import Measurable


class Looked:
    """Draws how many steps the training has taken; counts how often it was asked."""

    def __init__(self, training):
        self.training, self.count = training, 0

    def __call__(self):
        self.count += 1
        step = self.training.step
        return style.figure([style.line(0, x=[0, 1], y=[0, step])], caption=f"At step {step}.")


def panel(metric="probe"):
    training = Measurable(steps=8, metric=metric)
    look = Looked(training)
    knobs = {"temperature": widgets.temperature(4.0)}
    return WatchPanel("watch", training, look, knobs=knobs, driver="blocking"), look


def test_it_shows_the_network_before_a_run_and_after_each_step():
    watch, look = panel()
    assert watch.seen == "At step 0."
    assert watch.figures[1] in watch.box.children and watch.figure in watch.box.children
    watch.step()
    watch.step()
    assert watch.seen == "At step 2." and list(watch.figures[1].data[0].y) == [0, 2]
    assert "temperature 4" in watch.caption
    watch.resume()
    assert watch.state == "done" and watch.seen == "At step 8."
    assert watch.result() == {"steps": 8}
    assert look.count >= 4


def test_a_knob_moved_while_it_pauses_moves_the_loss_and_not_the_network():
    watch, look = panel()
    watch.step()
    looked = look.count
    watch.widgets["temperature"].value = 8.0
    assert look.count == looked and watch.seen == "At step 1."
    _, now, fixed = watch.curves[0].measured[-1]
    assert now == 2 * fixed
    assert figures.caption(look()) == "At step 1."


def test_a_closed_panel_looks_no_more():
    watch, look = panel()
    watch.close()
    count = look.count
    watch._draw()
    assert look.count == count
