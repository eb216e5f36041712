"""Lab 06 with other negatives and another temperature: only what they should change changes."""

import re
from typing import Any

from tests.notebooks.guards import number


def check(stored: dict[str, str], mine: dict[str, str], parameters: dict[str, Any]) -> None:
    for text, k in ((stored, 63), (mine, parameters["NEGATIVES"])):
        one = number(r"for K = 1 ([\d.]+)", text["negatives"])
        many = number(r"\n([\d.]+) for one anchor", text["negatives"])
        assert abs(many - one / k**0.5) < 2e-5  # 1 / sqrt(K), and the value itself stays
        local = number(r"IPOT pays ([\d.]+)", text["local"])
        assert text["permuted"].count(f"{local:.4f}") == 2  # shuffled students cost the same
        assert f"agrees: {number(r'L_g = ([+-][.0-9]+)', text['global']):+.4f}" in text["agrees"]
        lines = text["traps"].strip().splitlines()
        assert all("local 0.000" in line for line in lines)
        assert "global at the best W +0.000" in lines[2]
    for name in ("global", "local", "permuted", "traps", "unfinished"):
        assert mine[name] == stored[name]  # no temperature and no negatives in them
    before, after = (re.search(r"kd ([+\d.]+)", text["whole"]) for text in (stored, mine))
    assert before and after and before[1] != after[1]
    for name in ("line", "sinkhorn", "dual", "gradient"):
        assert "not attempted" in mine[name]
        assert "correct" in stored[name]
