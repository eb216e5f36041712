"""Lab 03 at another temperature and K: the worked values are the closed forms, the laws stay."""

import math
import re
from typing import Any


def number(text: str, name: str) -> float:
    """The number that follows `name`."""
    found = re.search(rf"{re.escape(name)} ([-\d.]+)", text)
    assert found, f"no {name!r} in {text!r}"
    return float(found[1].rstrip("."))


def check(stored: dict[str, str], mine: dict[str, str], parameters: dict[str, Any]) -> None:
    for text, temperature in ((stored, 0.2), (mine, parameters["TEMPERATURE"])):
        assert f"T = {temperature:g}" in text["by-hand"]
        loss = re.search(r": ([\d.]+) nats", text["by-hand"])
        assert loss and abs(number(text["agrees"], "=") - float(loss[1])) < 2e-4
        for line, b in zip(text["values"].splitlines(), (2, 64), strict=True):
            chance, floor = (
                math.log(2 * b - 1),
                math.log1p((2 * b - 2) * math.exp(-1 / temperature)),
            )
            assert abs(number(line, "all equal") - chance) < 1e-3
            assert abs(number(line, "all orthogonal") - chance) < 1e-3
            assert abs(number(line, "and pictures orthogonal") - floor) < 1e-3
    assert mine["breaks"] == stored["breaks"]  # what no parameter changes
    assert "not attempted" in mine["nt-xent"]
    assert "correct" in stored["nt-xent"]
