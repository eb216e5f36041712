"""Lab 08 with other negatives and another temperature: the board is recorded, your loss is not."""

from typing import Any

from tests.notebooks.guards import number


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
    for name in (
        "runs",
        "winners",
        "interval",
        "agrees",
        "holm",
        "ranks",
        "verdict",
        "orders",
        "weights",
    ):
        assert mine[name] == stored[name]
    gap = number(r": ([-+][\d.]+) points, ±", stored["interval"])
    half = number(r"± ([\d.]+)", stored["interval"])
    assert half > 0
    assert abs(gap) < 100
