"""Lab 01 at another temperature: the example worked by hand gives what the closed form says."""

import math
from typing import Any

TEACHER, STUDENT = (5.0, 3.0, -1.0), (2.0, 0.0, 1.0)


def by_hand(temperature: float) -> float:
    """T^2 KL(teacher || student) of the lab's three classes, in plain Python."""

    def softmax(logits: tuple[float, ...]) -> list[float]:
        odds = [math.exp(x / temperature) for x in logits]
        return [x / sum(odds) for x in odds]

    p, q = softmax(TEACHER), softmax(STUDENT)
    return temperature**2 * sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def check(stored: dict[str, str], mine: dict[str, str], parameters: dict[str, Any]) -> None:
    temperature = parameters["TEMPERATURE"]
    assert f"L = {by_hand(4.0):.4f}" in stored["by-hand"]
    assert f"L = {by_hand(temperature):.4f}" in mine["by-hand"]
    assert f"{by_hand(temperature):.4f} nats" in mine["agrees"]
    assert f"L = {by_hand(1.0):.4f}" in stored["by-hand"]
    for name in ("limit", "reduction"):  # what does not depend on the parameters
        assert mine[name] == stored[name]
    assert "not attempted" in mine["kd"]
    assert "correct" in stored["kd"]
