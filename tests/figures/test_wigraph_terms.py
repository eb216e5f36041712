"""Lab 10's two terms over one edge: against the loss, and their least point against a search."""

import math
from types import SimpleNamespace

import pytest
import torch

from labkit import figures, losses
from labkit.figures import wigraph_terms


@pytest.mark.parametrize("p", [0.02, 0.5, 0.9])
def test_the_terms_are_those_of_the_loss(p):
    logit = torch.tensor(p).logit()
    pairs = ~torch.eye(2, dtype=torch.bool)[None]
    graph = SimpleNamespace(edge_logits=logit.expand(1, 2, 2), pairs=pairs, word_logits=None,
                            words=torch.ones(1, 2, dtype=torch.bool))  # fmt: skip
    found = losses.wigraph_terms(torch.zeros(1, 2), torch.tensor([0]), graph)
    assert wigraph_terms.graph_term(p) == pytest.approx(found.graph.item(), abs=1e-6)
    assert p == pytest.approx(found.sparsity.item())
    figure = wigraph_terms.terms(p, 2.0, 3.0)
    yours = next(t for t in figure.data if t.name == "your p")
    assert yours.y[0] == pytest.approx(2 * found.graph.item() + 3 * found.sparsity.item(), abs=1e-5)


def test_ends_and_middle_of_the_graph_term():
    assert wigraph_terms.graph_term(0) == wigraph_terms.graph_term(1) == math.log(2)
    assert wigraph_terms.graph_term(0.5) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(("graph", "sparse"), [(1, 0), (1, 0.3), (0.5, 2), (10, 0.1)])
def test_the_least_point_is_found_by_a_search_too(graph, sparse):
    grid = [n / 10_000 for n in range(10_001)]
    least = min(grid, key=lambda p: graph * wigraph_terms.graph_term(p) + sparse * p)
    assert wigraph_terms.resting(graph, sparse) == pytest.approx(least, abs=1e-4)


def test_only_sparsity_prunes():
    assert wigraph_terms.resting(3, 0) == 0.5
    assert wigraph_terms.resting(0, 3) == 0 and wigraph_terms.resting(0, 0) is None
    assert wigraph_terms.resting(1e-3, 10) == pytest.approx(0, abs=1e-100)
    said = [figures.caption(wigraph_terms.terms(0.8, *betas))
            for betas in ((1, 0), (0, 1), (0, 0), (1, 1), (1, 0.3))]  # fmt: skip
    assert "least at p = 0.5" in said[0] and "removes none" in said[0]
    assert "Sparsity alone is least at p = 0" in said[1] and "nothing moves" in said[2]
    assert "p = 0.269" in said[3] and "the edge falls" in said[3]
    assert "the edge rises" in figures.caption(wigraph_terms.terms(0.1, 1, 0.3))
    assert "the edge stays" in figures.caption(wigraph_terms.terms(0.5, 10, 0.05))


def test_both_panels_mark_the_same_point():
    data = wigraph_terms.terms(0.8, 1.0, 0.3).data
    value, place = (t for t in data if t.name == "least")
    assert value.x[0] == place.y[0] == pytest.approx(0.4256, abs=1e-4)
    assert place.x[0] == pytest.approx(0.3) and {value.xaxis, place.xaxis} == {"x", "x2"}
    empty = [t for t in wigraph_terms.terms(0.8, 0, 0).data if t.name == "least"]
    assert [t.x[0] for t in empty] == [None, None]


def test_bad_values():
    for bad, name in (((2, 1, 1), "probability"), ((0.5, -1, 1), "beta_graph"),
                      ((0.5, 1, 11), "beta_sparse")):  # fmt: skip
        with pytest.raises(ValueError, match=name):
            wigraph_terms.terms(*bad)
