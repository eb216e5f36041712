"""What the widget tests share: a drawing function, a tiny training, a count of live widgets."""

import time

import ipywidgets
import numpy as np
import pytest

from labkit.figures import style
from labkit.training import Done, Evaluation, Start, Step

X = np.arange(100, dtype=np.float32)


def softmax(temperature):
    scores = np.exp(np.sin(X) * 3 / temperature)
    return (scores / scores.sum()).astype(np.float32)


@pytest.fixture
def draw():
    """temperature -> a bar chart of 100 probabilities."""

    def draw(temperature, scale="linear"):
        return style.figure(
            [style.bars(0, x=X, y=softmax(temperature))],
            title=f"T = {temperature:.2f}",
            y={"title": "probability", "range": [0, 0.3], "type": scale},
            caption=f"At T = {temperature:.2f} the largest is {softmax(temperature).max():.3f}.",
        )

    return draw


@pytest.fixture
def begin():
    """control -> events of a training of 40 steps, 4 epochs; fails at `fail`."""

    def begin(control, steps=40, seconds=0.002, fail=None):
        yield Start(steps, 4, {"batch_size": 64})
        for step in range(1, steps + 1):
            yield from control.apply(step - 1)
            time.sleep(seconds)
            if step == fail:
                raise FloatingPointError("the term 'kd' is nan. Usual causes: the rate is too high")
            temperature = control.knobs["temperature"]
            yield Step(step, 4 * step / steps, {"kd": temperature / step, "ce": 1 / step}, seconds)
            if step % (steps // 4) == 0:
                yield Evaluation(step, 4 * step / steps, {"accuracy": step / steps, "loss": 1.0})
        yield Done(steps, {"steps": steps})

    return begin


@pytest.fixture
def alive():
    """A function that counts the widgets the kernel holds."""

    def count():
        try:
            from ipywidgets.widgets.widget import _instances as instances
        except ImportError:  # ipywidgets 7
            instances = ipywidgets.Widget.widgets
        return len(instances)

    return count
