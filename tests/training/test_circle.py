"""Points on a circle: views meet, pictures spread, and without a push nothing spreads."""

import pytest
import torch

from labkit.training import Control, Done, KnobChange, Step
from labkit.training.circle import Circle


@pytest.mark.parametrize("start", ["random", "together"])
@pytest.mark.parametrize("temperature", [0.05, 0.3])
def test_views_meet_and_pictures_spread(start, temperature):
    world = Circle(8, start=start)
    world.go_to(150, temperature=temperature)
    spread = world.spread()
    assert spread["apart"] < 3
    assert spread["gap"] == pytest.approx(45, abs=3)  # 360 / 8: evenly


def test_without_repulsion_what_is_together_stays():
    world = Circle(8, start="together")
    world.go_to(100, temperature=0.3, repulsion=0.0)
    assert world.spread()["gap"] > 330
    assert world.spread()["apart"] < 8


def test_only_so_fast_and_always_on_the_circle():
    world = Circle(5)
    before = world.angles.clone()
    world.move(temperature=0.01)
    assert (world.angles - before).abs().max() <= 0.15 + 1e-6
    torch.testing.assert_close(world.points.norm(dim=2), torch.ones(2, 5))


def test_stepping_back_begins_again_and_repeats():
    world, again = Circle(6), Circle(6)
    world.go_to(20, temperature=0.2, negatives=2)
    there = world.angles.clone()
    world.go_to(5, temperature=1.0)
    assert world.step == 5
    world.go_to(0, temperature=1.0)
    world.go_to(20, temperature=0.2, negatives=2)
    torch.testing.assert_close(world.angles, there)
    again.go_to(20, temperature=0.2, negatives=2)
    torch.testing.assert_close(again.angles, there)


def test_as_events_with_knobs_that_move():
    control = Control(temperature=0.2, negatives=4, repulsion=1)
    seen = []
    for event in Circle(6).events(control, steps=6):
        seen.append(event)
        if isinstance(event, Step) and event.step == 3:
            control.request(repulsion=0)
    moved = [event for event in seen if isinstance(event, KnobChange)]
    assert [(event.name, event.step) for event in moved] == [("repulsion", 3)]
    steps = [event for event in seen if isinstance(event, Step)]
    assert [event.terms["repulsion"] == 0 for event in steps] == [False] * 3 + [True] * 3
    assert isinstance(seen[-1], Done) and seen[-1].record["result"]["apart"] >= 0


def test_bad_arguments():
    with pytest.raises(ValueError, match="choose from random, together"):
        Circle(5, start="apart")
    with pytest.raises(ValueError, match="pictures"):
        Circle(1)
    with pytest.raises(ValueError, match="temperature"):
        Circle(3).move(temperature=0)
