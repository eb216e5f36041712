"""Lab 07 with other negatives and another temperature: only what they should change changes."""

import math
import re
from typing import Any

from tests.notebooks.guards import number


def check(stored: dict[str, str], mine: dict[str, str], parameters: dict[str, Any]) -> None:
    for text, tau, k in (
        (stored, 0.2, 63),
        (mine, parameters["TEMPERATURE"], parameters["NEGATIVES"]),
    ):
        least = 2 * math.log1p(math.exp(-1 / tau)) - 2 * math.log(2)
        assert abs(number(r"below ([-+.\d]+) at this tau", text["whole"]) - least) < 1e-4
        assert number(r"K = (\d+)", text["whole"]) == min(k, 5)
        assert number(r"local term ([-+.\d]+)", text["whole"]) > least
        limits = re.findall(r"all within ± ([\d.]+): True", text["critics"])
        assert len(limits) == text["critics"].count("pairs") >= 3
        assert all(abs(float(limit) * tau - 1) < 1e-3 for limit in limits)
        assert abs(number(r"C =  100: ([\d.]+)", text["rivals"]) - k / 100) < 0.006
    for name in ("dim", "agrees"):
        assert mine[name] == stored[name]  # no temperature and no negatives in them
    assert "JSD loss 0.2052448" in stored["dim"]  # DIM's own code
    for name in ("ablation", "beats", "pairs"):
        assert mine[name] == stored[name]  # recorded
    for name in ("jsd", "local", "floor", "pointing"):
        assert "not attempted" in mine[name]
        assert "correct" in stored[name]
