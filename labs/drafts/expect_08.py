"""Lab 08 with other negatives and another temperature: the board is recorded, your loss is not."""

import re
from typing import Any


def number(pattern: str, text: str) -> float:
    """The number that the pattern's group finds."""
    found = re.search(pattern, text)
    assert found, f"no {pattern} in {text}"
    return float(found[1])


def check(stored: dict[str, str], mine: dict[str, str], parameters: dict[str, Any]) -> None:
    for text, tau, k in (
        (stored, 0.1, 63),
        (mine, parameters["TEMPERATURE"], parameters["NEGATIVES"]),
    ):
        assert f"tau = {tau:g}, K = {k}: a copy pays 0.0000" in text["mine"]
        assert number(r"stranger ([\d.]+)", text["mine"]) > 0
        assert 1 <= number(r"([\d.]+) neighbours", text["mine"]) <= k
    sharper = number(r"([\d.]+) neighbours", mine["mine"])
    assert sharper < number(r"([\d.]+) neighbours", stored["mine"])  # half the tau
    for name in ("runs", "winners", "interval", "agrees", "holm", "ranks", "verdict", "orders"):
        assert mine[name] == stored[name]
    gap = number(r": ([-+][\d.]+) points, ±", stored["interval"])
    half = number(r"± ([\d.]+)", stored["interval"])
    assert half > 0
    assert abs(gap) < 100
