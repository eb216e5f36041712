"""Lab 09 with other negatives and another temperature: only what they should change changes."""

import re
from typing import Any

from tests.notebooks.guards import number

PARAMETERS = {"NEGATIVES": 3}


def check(stored: dict[str, str], mine: dict[str, str], parameters: dict[str, Any]) -> None:
    for text, tau, k in (
        (stored, 0.07, 1),
        (mine, parameters["TEMPERATURE"], parameters["NEGATIVES"]),
    ):
        said = text["equations"]
        assert number(r"tau = ([\d.]+)", said) == tau
        assert number(r"K = (\d+)", said) == k
        assert "CLIP 0.7110083508, SigLIP 5.5855163781" in said  # the authors' codes
    lite = r"K = \d+: ([\d.]+)"
    assert number(lite, mine["equations"]) != number(lite, stored["equations"])
    for name in ("captions", "agree", "floors", "levels", "fair", "cifar", "bag", "prior"):
        assert mine[name] == stored[name]  # closed forms, records, or untouched by the two
    two = re.findall(r"(?:SigLIP|CLIP-Lite) ([\d.]+)", stored["agree"])
    assert two[0] == two[1]
    assert "1.386294" in stored["agree"]
    assert "cosine of the two sentences: 1.0000" in stored["bag"]
    assert "helps" in stored["prior"]
    for name in ("clip", "siglip", "clip_lite", "floor"):
        assert "not attempted" in mine[name]
        assert "correct" in stored[name]
