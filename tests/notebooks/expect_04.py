"""Lab 04 with fewer negatives and another tau: what follows them, and what no parameter moves."""

import re
from typing import Any


def check(stored: dict[str, str], mine: dict[str, str], parameters: dict[str, Any]) -> None:
    temperature, negatives = parameters["TEMPERATURE"], parameters["NEGATIVES"]
    for text, k, tau in ((stored, 63, 1.0), (mine, negatives, temperature)):
        assert f"{1 - 0.99**k:.1%} of the rows" in text["collisions"]
        loss = re.search(rf"tau = {tau:g}, 15 negatives: L = ([\d.]+) nats", text["by-hand"])
        assert loss and f"losses.ckd agrees: {loss[1]} nats" in text["agrees"]
        ours, other = re.findall(
            r"half way ([\d.]+) nats, a perfect copy ([\d.]+)", text["readings"]
        )
        assert ours[1] == other[1] and float(ours[0]) < float(other[0])
    for name in ("controls", "beats"):  # of the records
        assert mine[name] == stored[name]
    assert stored["controls"].count("not to be told apart") == 3  # the text says so
    assert [line.endswith(": better") for line in stored["beats"].splitlines()].count(True) == 1
    assert "not attempted" in mine["ckd"]
    assert "correct" in stored["ckd"]
