"""Lab 05 with fewer negatives and another tau: chance and threshold as their closed forms say."""

import math
import re
from typing import Any


def chance(k: int) -> float:
    """Both sides of CRD when every score is equal, in plain Python."""
    return 2 * (math.log(k + 1) + k * math.log(1 + 1 / k))


def check(stored: dict[str, str], mine: dict[str, str], parameters: dict[str, Any]) -> None:
    temperature, negatives = parameters["TEMPERATURE"], parameters["NEGATIVES"]
    for text, k, tau in ((stored, 256, 0.07), (mine, negatives, temperature)):
        assert f"knowing nothing {chance(k):.2f}" in text["band"]
        cut = tau * math.log(k) + 1 / (2 * 128 * tau)
        assert f"threshold at cosine {cut:.2f}" in text["band"]
        starts, least = (float(x) for x in re.findall(r"(?:start|possible) ([\d.]+)", text["band"]))
        assert least < chance(k) < starts
        loss = re.search(r": ([\d.]+) nats, knowing nothing ([\d.]+)", text["by-hand"])
        assert loss and float(loss[2]) == round(chance(15) / 2, 4)
        assert f"losses.nce agrees: {loss[1]} nats" in text["agrees"]
        blind, told = (float(x) for x in re.findall(r"pays ([\d.]+)", text["leak"]))
        assert told < blind < chance(k)
        assert f"{64 * (k + 1) * 128 * 4 / 2**20:,.0f} MiB" in text["cost"]
        first, running, exact = re.findall(r"at first +([\d.]+)", text["normalisers"])
        assert first == running != exact
    assert mine["thresholds"] == stored["thresholds"]  # what no parameter changes
    assert "not attempted" in mine["belief"]
    assert "correct" in stored["belief"]
