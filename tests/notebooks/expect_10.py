"""Lab 10 with another temperature and other betas: gradient and loss follow, no draw does."""

from typing import Any

from tests.notebooks.guards import number

PARAMETERS = {"BETA_GRAPH": 0.5, "BETA_SPARSITY": 1.0}
BETAS = {"BETA_GRAPH": 0.0, "BETA_SPARSITY": 2.0}  # as stored


def check(stored: dict[str, str], mine: dict[str, str], parameters: dict[str, Any]) -> None:
    for text, chosen in ((stored, BETAS), (mine, parameters)):
        graph, sparsity = (chosen[name] for name in ("BETA_GRAPH", "BETA_SPARSITY"))
        whole = number(r"prediction ([\d.]+)", text["step"])
        whole += graph * number(r"graph ([\d.]+)", text["step"])
        whole += sparsity * number(r"sparsity ([\d.]+)", text["step"])
        assert abs(number(r"L = ([\d.]+)", text["step"]) - whole) < 4e-4
    before, after = (text["step"].partition("; L")[0] for text in (stored, mine))
    assert before == after  # draws know no temperature
    ones = [text["draw"].splitlines()[0] for text in (stored, mine)]
    assert ones[0] == ones[1]
    assert f"tau = {parameters['TEMPERATURE']:g}:" in mine["draw"]
    slope = 0.1966  # sigmoid(1) (1 - sigmoid(1)): where the mean goes as tau goes to 0
    means = [number(r"gradient ([\d.]+)", text["draw"]) for text in (stored, mine)]
    spreads = [number(r"std ([\d.]+)", text["draw"]) for text in (stored, mine)]
    assert means[0] < means[1] < slope + 0.02
    assert spreads[0] < spreads[1]
    assert "published: graph -1.38629, sparsity 1.0000" in stored["published"]
    assert "real     : graph 0.00000, sparsity 0.5000" in stored["published"]
    recorded = ("edges", "again", "strongest", "false", "by-kind", "helps", "polarity")
    for name in ("kinds", "layer", "published", *recorded, "real-edges", "choices", "aopc"):
        assert mine[name] == stored[name]
    for name in ("my-draw", "my-messages", "my-terms", "my-aopc"):
        assert "not attempted" in mine[name]
        assert "correct" in stored[name]
