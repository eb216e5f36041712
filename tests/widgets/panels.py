"""What the tests of the training panel share: making one, waiting, and a training to measure."""

import time

from labkit import widgets
from labkit.training import Done, Evaluation, Start, Step


def make(begin, driver, name="train", **more):
    knobs = {"temperature": widgets.temperature(4.0)}
    return widgets.TrainingPanel(name, begin, knobs=knobs, driver=driver, **more)


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


def steps(panel):
    return len(panel.curves[-1].epoch)


class Measurable:
    """A training of `steps` steps in 4 epochs whose loss on the same pictures is T * 100 / step.

    `calls` are the knobs it was measured under; measuring in the middle of a step raises.
    """

    def __init__(self, steps=40, seconds=0.0, metric="accuracy"):
        self.steps, self.seconds, self.metric = steps, seconds, metric
        self.calls, self.step, self.busy = [], 0, False

    def measure(self, knobs):
        assert not self.busy, "measured in the middle of a step"
        self.calls.append(dict(knobs))
        return {"kd": knobs["temperature"] * 100 / (1 + self.step), "ce": 0.0}

    def __call__(self, control):
        self.step = 0
        yield Start(self.steps, 4, {"batch_size": 64, "seed": 0}, 0, self.measure)
        for step in range(1, self.steps + 1):
            yield from control.apply(step - 1)
            self.busy = True
            time.sleep(self.seconds)
            self.step, self.busy = step, False
            yield Step(step, 4 * step / self.steps, {"kd": 1 / step}, self.seconds)
            if step % (self.steps // 4) == 0:
                yield Evaluation(step, 4 * step / self.steps, {self.metric: step / self.steps})
        yield Done(self.steps, {"steps": self.steps})
