"""Lab 10's word graph: which arcs are drawn, what the mouse reads, and what cutting says."""

import importlib
import math
import statistics
import time

import numpy as np
import pytest
import torch

from labkit import data, figures, models
from labkit.figures import wigraph_graph

live = importlib.import_module("labkit.widgets.live")
WORDS = ["the", "film", "was", "not", "good"]
PAIRS = [("good", "not"), ("gold", "heart")]


def table(**edges):
    """[L, L] of 0.1 and the edges given as telling_told=p."""
    p = torch.full((5, 5), 0.1)
    for name, value in edges.items():
        telling, told = name.split("_")
        p[WORDS.index(told), WORDS.index(telling)] = value
    return p


def tips(figure):
    return [said for trace in figure.data if trace.mode == "markers" for said in trace.text]


def arcs(figure):
    """(x from, x to, side) of every arc drawn in a solid line."""
    found = []
    for trace in figure.data:
        if trace.mode == "lines" and trace.line.dash is None:
            x, y = (np.asarray(v, dtype=float) for v in (trace.x, trace.y))
            assert np.array_equal(np.isnan(x), np.isnan(y))
            for at in np.flatnonzero(np.isnan(x)) if len(x) > 1 else ():  # an arc ends with a gap
                start = at - wigraph_graph._STEPS - 1
                side = np.sign(y[start])
                assert (side * y[start:at] >= side * y[start] - 1e-4).all()  # it bulges outwards
                found.append((round(x[start]), round(x[at - 1]), int(side)))
    return sorted(found)


def test_an_edge_is_an_arc_on_the_side_it_speaks_to():
    figure = wigraph_graph.graph(WORDS, table(not_good=0.93, good_film=0.6), threshold=0.5)
    assert tips(figure) == ["not -> good: 0.93", "good -> film: 0.60"]
    assert arcs(figure) == [(1, 4, -1), (3, 4, 1)]
    assert "2 of 20 edges reach 0.50; the strongest is not -> good: 0.93." in figures.caption(
        figure
    )
    assert len(tips(wigraph_graph.graph(WORDS, table(), threshold=0.1))) == 20  # no diagonal
    assert not arcs(wigraph_graph.graph(WORDS, table(), threshold=0.11))


def test_true_pairs_are_marked_and_missed_ones_dotted():
    seen = wigraph_graph.graph(WORDS, table(good_not=0.8, the_film=0.9), truth=PAIRS)
    named = {said: trace.name for trace in seen.data if trace.mode == "markers"
             for said in trace.text}  # fmt: skip
    assert named == {"good -> not: 0.80": "an edge of a true pair", "the -> film: 0.90": "an edge"}
    assert "Of 1 true pair 1 can be seen." in figures.caption(seen)
    missed = wigraph_graph.graph(WORDS, table(good_not=0.3), truth=PAIRS)
    (dotted,) = [t for t in missed.data if t.mode == "lines" and t.line.dash == "dot"]
    x = np.asarray(dotted.x, dtype=float)
    assert {round(x[0]), round(x[-2])} == {3, 4}
    assert tips(missed) == ["good -> not: 0.30"]  # the stronger of the two
    assert "Of 1 true pair 0 can be seen." in figures.caption(missed)
    none = wigraph_graph.graph(["the", "film"], torch.zeros(2, 2), truth=PAIRS)
    assert "No two words" in figures.caption(none)


def test_width_grows_with_probability():
    def width(p):
        figure = wigraph_graph.graph(WORDS, table(the_good=p), threshold=0.15)
        (line,) = [t for t in figure.data if t.mode == "lines" and len(t.x) > 1]
        return line.line.width * line.opacity

    assert width(0.2) < width(0.3) < width(0.6) < width(0.8) < width(0.95)


def test_bars_before_and_after_the_cut():
    prediction = torch.tensor([[0.1, 0.9], [0.75, 0.25]])
    figure = wigraph_graph.graph(
        WORDS, table(), labels=("negative", "positive"), prediction=prediction
    )
    before, after = figure.data[-2:]
    assert list(before.y) == pytest.approx([10, 90]) and list(after.y) == pytest.approx([75, 25])
    said = figures.caption(figure)
    assert "takes positive from 90 % to 25 %, and the answer becomes negative" in said
    same = wigraph_graph.graph(WORDS, table(), prediction=[[0.4, 0.6], [0.3, 0.7]])
    assert "class 1 from 60 % to 70 %." in figures.caption(same)


def test_cut_is_what_the_classifier_reads():
    words = data.Tokenizer(WORDS)
    graph = models.WIGRAPH(len(words), 8)
    torch.nn.init.normal_(graph.logits, generator=torch.Generator().manual_seed(0))
    model = models.build_text("bag", len(words), 2, dim=8, graph=graph).eval()
    tokens = words.encode(["the film was not good"])
    with torch.no_grad():
        whole = model.read(tokens)
        p = whole.graph.edges[0]
        kept = wigraph_graph.cut(p, 0.0)
        assert torch.equal(kept, p)
        torch.testing.assert_close(model.read(tokens, edges=kept).logits, whole.logits)
        none = model.read(tokens, edges=wigraph_graph.cut(p, 1.0)).logits
        torch.testing.assert_close(none, model.read(tokens, edges=torch.eye(5)).logits)
    half = wigraph_graph.cut(p, 0.5)
    assert ((half == 0) == (p < 0.5)).all() and (half.diagonal() == 1).all()


def test_forty_words_stay_legible_and_redraw_in_place():
    draw = torch.Generator().manual_seed(0)
    words, p = [f"w{n}" for n in range(40)], torch.rand(40, 40, generator=draw)
    many = wigraph_graph.graph(words, p, threshold=0.5)
    assert len(arcs(many)) == len(tips(many)) == wigraph_graph.MOST
    assert f"the {wigraph_graph.MOST} strongest are drawn" in figures.caption(many)
    widget = live.live(many)
    few = wigraph_graph.graph(words, p, threshold=0.999)
    assert [t.type for t in many.data] == [t.type for t in few.data]
    assert live.update(widget, few)
    assert tips(widget) == tips(few)
    assert not live.update(widget, few)
    for threshold in (1.0, 0.2):  # from edges to none and back
        figure = wigraph_graph.graph(words, p, threshold=threshold)
        assert live.update(widget, figure) and tips(widget) == tips(figure)


def test_forty_words_redraw_within_100_ms():
    draw = torch.Generator().manual_seed(0)
    words, p = [f"w{n}" for n in range(40)], torch.rand(40, 40, generator=draw)
    prediction = [[0.3, 0.7], [0.6, 0.4]]
    widget = live.live(wigraph_graph.graph(words, p, threshold=0.5, prediction=prediction))
    taken = []
    for step in range(15):
        began = time.process_time()
        threshold = 0.5 + 0.03 * step
        figure = wigraph_graph.graph(words, p, threshold=threshold, prediction=prediction)
        live.update(widget, figure)
        taken.append(time.process_time() - began)
    assert statistics.median(taken) < 0.1  # the kernel's part, of its own core


def test_one_word_and_bad_input():
    alone = wigraph_graph.graph(["good"], torch.ones(1, 1))
    assert figures.caption(alone).startswith("One word")
    for bad, name in (
        ({"words": []}, "probabilities"), ({"probabilities": torch.zeros(4, 5)}, "probabilities"),
        ({"probabilities": torch.full((5, 5), 1.1)}, "between 0 and 1"),
        ({"probabilities": torch.full((5, 5), math.nan)}, "between 0 and 1"),
        ({"threshold": 2}, "threshold"), ({"prediction": [[0.5, 0.5]]}, "prediction"),
        ({"prediction": [[1.0], [1.0]], "labels": ("a", "b")}, "prediction"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=name):
            wigraph_graph.graph(**{"words": WORDS, "probabilities": table()} | bad)
    with pytest.raises(ValueError, match="threshold"):
        wigraph_graph.cut(table(), -0.1)
