"""Lab 02 with fewer negatives and another scale: ceilings move, constants and laws stay."""

import math
import re
from typing import Any


def number(text: str, name: str) -> float:
    """The number that follows `name` at a line's start."""
    found = re.search(rf"^{re.escape(name)}\s+([-+\d.]+)", text, re.M)
    assert found, f"no line {name!r} in {text!r}"
    return float(found[1])


def check(stored: dict[str, str], mine: dict[str, str], parameters: dict[str, Any]) -> None:
    for text, negatives in ((stored, 63), (mine, parameters["NEGATIVES"])):
        ceiling = math.log(negatives + 1)
        assert f"ceiling log(K + 1) = {ceiling:.4f}" in text["agrees"]
        assert number(text["by-hand"], "info_nce") <= ceiling
        assert number(text["by-hand"], "jsd") <= 0
        # log x <= x / e: NWJ never reads more than DV from the same scores
        assert number(text["by-hand"], "nwj") <= number(text["by-hand"], "dv")
    assert f"T = {parameters['TEMPERATURE']:g}" in mine["by-hand"]
    assert number(mine["chance"], "nwj = -1/e") == round(-math.exp(-1), 4)
    for name in ("chance", "gradient", "shift", "breaks", "gaps"):  # what no parameter changes
        assert mine[name] == stored[name]
    assert "not attempted" in mine["info-nce"]
    assert "correct" in stored["info-nce"]
