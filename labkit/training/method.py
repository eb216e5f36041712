"""What a method is: the part of a training that says how the student is taught.

Any callable (student, teacher, batch, knobs) -> named terms. The loss is the sum of the terms.
`student` and `teacher` are the `Features` of the batch, `batch` has labels [B] and index [B] (the
pictures' positions, for memories), `knobs` the values the sliders have at this step, and under
"progress" the share of the run, 0..1, that is over.

Four more things are looked after if they are there: an nn.Module's parameters are trained with
the student's and its buffers (memory banks) go into checkpoints; a `generator` attribute is set to
the run's own stream for the method's noise; `prepare(student, teacher, batch)` is called before the
first step with every training picture, uncropped, in batches, as both networks answer in eval mode;
a class is called with a `Setting` to make the method.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor

from labkit.data import Batch, Dataset
from labkit.models import Features

Knobs = Mapping[str, float]
Terms = dict[str, Tensor]
Method = Callable[[Features, Features | None, Batch, Knobs], Mapping[str, Tensor]]
Prepare = Callable[[Features, Features | None, Batch], None]
Teacher = Callable[[Tensor], Features]


class Setting(NamedTuple):
    """What a method may know before it starts: what both networks answer to two pictures, the data.

    teacher is None for a training without one.
    """

    student: Features
    teacher: Features | None
    dataset: Dataset

    def taught(self) -> Features:
        """The teacher's answer; ValueError if there is none."""
        if self.teacher is None:
            raise ValueError("this method learns from a teacher: name one (teacher=...)")
        return self.teacher
