"""How much work a lab does: the same three sizes everywhere."""

from dataclasses import dataclass

from labkit.errors import unknown


@dataclass(frozen=True)
class Budget:
    """Images per split and passes over them; None takes every image there is."""

    name: str
    train: int | None
    val: int | None
    test: int | None
    epochs: int
    batch_size: int = 64


BUDGETS = {
    "smoke": Budget("smoke", train=1000, val=500, test=500, epochs=2),
    "lecture": Budget("lecture", train=5000, val=1000, test=2000, epochs=12),
    "paper": Budget("paper", train=50_000, val=5000, test=10_000, epochs=240),
}


def budget(name: str) -> Budget:
    """The budget of that name; ValueError lists the three."""
    if name not in BUDGETS:
        raise unknown("budget", name, BUDGETS)
    return BUDGETS[name]
