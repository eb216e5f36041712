"""Lab 04 with fewer negatives and another tau: the band moves as its closed form says."""

import math
import re
from typing import Any


def band(batch: int, temperature: float) -> str:
    """The line that lab 04 prints of the band, in plain Python."""
    apart = math.exp(-batch / (batch - 1) / temperature)
    low, high = math.log(1 + (batch - 1) * apart), math.log(batch)
    return f"least {low:.2f}, chance {high:.2f}: {high - low:.2f} nats to be gained"


def check(stored: dict[str, str], mine: dict[str, str], parameters: dict[str, Any]) -> None:
    temperature, negatives = parameters["TEMPERATURE"], parameters["NEGATIVES"]
    for text, k, tau in ((stored, 63, 1.0), (mine, negatives, temperature)):
        assert band(k + 1, tau) in text["band"]
        assert f"mistaken ceiling: {math.log(1 + k * math.exp(2 / tau)):.2f}" in text["band"]
        assert f"{1 - 0.99**k:.1%} of the rows" in text["collisions"]
        loss = re.search(r"L = ([\d.]+) nats", text["by-hand"])
        assert loss and f"losses.ckd agrees: {loss[1]} nats" in text["agrees"]
        assert loss[1] in text["readings"]
    assert "0.99 nats to be gained" in stored["band"]
    assert mine["mirror"] == stored["mirror"]  # what no parameter changes
    assert "CKD by +0.0000" in mine["mirror"] and "KD changes by +0.0000" in mine["mirror"]
    assert "not attempted" in mine["ckd"]
    assert "correct" in stored["ckd"]
