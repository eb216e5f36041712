"""Lab 00 at another bias: the information counted is near the closed form for that bias."""

import math
import re
from typing import Any

PARAMETERS = {"BIAS": 0.5, "DIFFICULTY": 0.6}


def exact(bias: float) -> float:
    """I(shape; background) of 20 shapes and colours, in nats."""
    own, other = bias + (1 - bias) / 20, (1 - bias) / 20
    return math.log(20) + own * math.log(own) + 19 * other * math.log(other)


def check(stored: dict[str, str], mine: dict[str, str], parameters: dict[str, Any]) -> None:
    for text, bias in ((stored["agrees"], 0.95), (mine["agrees"], parameters["BIAS"])):
        counted, closed = map(float, re.findall(r"\d+\.\d+", text))
        assert abs(closed - exact(bias)) < 1e-3
        assert abs(counted - closed) < 0.03
    assert f"{exact(0.5):.3f}"[:3] in mine["information"]
    assert mine["factors"] == stored["factors"]  # these do not depend on the parameters
    assert "not attempted" in mine["entropy"] and "correct" in stored["entropy"]
