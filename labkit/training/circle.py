"""Points on a circle under the force of InfoNCE: the smallest world in which to watch it act.

Every picture has two views, two points on the circle; each step moves all points along minus the
gradient of the loss, turned into an angle. Nothing else is learnt: there is no network.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from labkit.errors import positive, unknown, whole
from labkit.training.encoders import pull_and_push
from labkit.training.events import Control, Done, Event, Start, Step

RATE = 0.5  # radians a unit of gradient: large enough to see, small enough to settle
FASTEST = 0.15  # radians a step, whatever the temperature: a point must not jump over another
STARTS = ("random", "together")


class Circle:
    """`pictures` pairs of points; `angles` [2, pictures] in radians, `step` the steps taken.

    start: "random" places all views anywhere, "together" has all within a twentieth of a turn.
    """

    def __init__(self, pictures: int = 16, *, seed: int = 0, start: str = "random") -> None:
        if start not in STARTS:
            raise unknown("start", start, STARTS)
        self.pictures, self.seed, self.start = whole("pictures", pictures, 2), seed, start
        self.restart()

    def restart(self) -> None:
        """Every point where it was at first."""
        self.generator = torch.Generator().manual_seed(self.seed)
        width = math.tau if self.start == "random" else math.tau / 20
        self.angles = width * torch.rand(2, self.pictures, generator=self.generator)
        self.step = 0

    @property
    def points(self) -> Tensor:
        """The points themselves, of length 1: [2, pictures, 2]."""
        return torch.stack([self.angles.cos(), self.angles.sin()], dim=2)

    def move(
        self, *, temperature: float, negatives: int | None = None, repulsion: float = 1.0
    ) -> dict[str, float]:
        """One step down the gradient; the two terms it had before, in nats."""
        with torch.enable_grad():
            angles = self.angles.requires_grad_()
            pull, push = pull_and_push(
                *torch.stack([angles.cos(), angles.sin()], dim=2),
                temperature=positive("temperature", temperature),
                negatives=negatives,
                generator=self.generator,
            )
            (slope,) = torch.autograd.grad(pull + repulsion * push, angles)
        turn = RATE * temperature * slope * angles.numel()  # the force on one point, tau taken out
        self.angles = angles.detach() - turn.clamp(-FASTEST, FASTEST)
        self.step += 1
        return {"attraction": pull.item(), "repulsion": repulsion * push.item()}

    def go_to(
        self, step: int, *, temperature: float, negatives: int | None = None, repulsion: float = 1.0
    ) -> None:
        """Move on to `step` at these settings; an earlier step starts again from the beginning."""
        if step < self.step:
            self.restart()
        while self.step < step:
            self.move(temperature=temperature, negatives=negatives, repulsion=repulsion)

    def events(self, control: Control, steps: int = 200) -> Iterator[Event]:
        """The same as a training: knobs temperature, negatives and repulsion, one Step a move."""
        yield Start(whole("steps", steps), 1.0, {"pictures": self.pictures, "seed": self.seed})
        for number in range(1, steps + 1):
            yield from control.apply(number - 1)
            knobs = control.knobs
            terms = self.move(
                temperature=knobs["temperature"],
                negatives=round(knobs["negatives"]),
                repulsion=knobs.get("repulsion", 1.0),
            )
            yield Step(number, number / steps, terms, 0.0)
        yield Done(steps, {"result": self.spread()})

    def spread(self) -> dict[str, float]:
        """ "apart": mean angle between the two views of a picture, in degrees (90 at chance);
        "gap": the largest empty arc between neighbouring pictures, 360 when all are together."""
        first, second = self.angles
        apart = torch.atan2((first - second).sin(), (first - second).cos()).abs().rad2deg().mean()
        middle = torch.atan2(*self.points.mean(0).T.flip(0)).sort().values  # [pictures]
        gaps = (torch.cat([middle[1:], middle[:1] + math.tau]) - middle).rad2deg()
        return {"apart": apart.item(), "gap": gaps.max().item()}
