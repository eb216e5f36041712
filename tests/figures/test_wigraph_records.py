"""Lab 10's figures of records and of concepts: what they draw, say, and refuse."""

import math

import pytest
import torch

from labkit import figures
from labkit.figures import wigraph_records, wigraph_vision


def over(mean, std=0.02, n=5):
    return {"mean": mean, "std": std, "n": n}


def cell(graph, sparse, accuracy, name="beta_sparsity"):
    return {"label": "bag", "beta_graph": graph, name: sparse, "test_accuracy": over(accuracy),
            "edge_precision": over(accuracy / 2)}  # fmt: skip


def test_the_surface_has_its_cells_gaps_and_frame():
    rows = [cell(0, 0.1, 0.8), cell(1, 0.1, 0.6), cell(0, 1, 0.9)]
    figure = wigraph_records.surface(rows, yours={"beta_graph": 0.2, "beta_sparsity": 0.3})
    assert [list(line) for line in figure.data[0].z] == [[pytest.approx(80), pytest.approx(90)],
                                                         [pytest.approx(60), None]]  # fmt: skip
    (frame,) = figure.layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (-0.5, 0.5, -0.5, 0.5)
    said = figures.caption(figure)
    assert "Best test accuracy: 90.0 % at beta graph = 0, beta sparsity = 1." in said
    assert "Nearest to yours: 80.0 % at 0 and 0.1." in said
    gap = wigraph_records.surface(rows, yours={"beta_graph": 1, "beta_sparsity": 1})
    assert "Nearest" not in figures.caption(gap)


def test_other_metrics_and_the_other_spelling():
    rows = [cell(0, 0.1, 0.8, "beta_sparse"), {"label": "none", "test_accuracy": over(0.5)}]
    figure = wigraph_records.surface(rows, "edge_precision")
    assert figure.data[0].z[0][0] == pytest.approx(0.4) and figure.data[0].text[0][0] == "0.40"
    assert "Best edge average precision: 0.40 at" in figures.caption(figure)
    plain = [{"beta_graph": 0, "beta_sparse": 0, "aopc": 0.25}]
    assert "Best aopc: 0.25 at" in figures.caption(wigraph_records.surface(plain, "aopc"))
    with pytest.raises(ValueError, match="post_hoc"):
        wigraph_records.surface(rows, "post_hoc")


def backbone(name, found, gap=0.1, half=0.02, **more):
    difference = {**over(gap), "low": gap - half, "high": gap + half}
    return {"label": f"{name} + layer", "network": name, "edge_precision": over(found, 0.05),
            "edge_pmi": over(0.3, 0), "edge_random": over(0.1, 0), "difference": difference,
            "against": name, **more}  # fmt: skip


def test_backbones_against_what_needs_no_training():
    rows = [backbone("bag", 0.8), backbone("bilstm", 0.25), backbone("transformer", 0.12),
            {"label": "bag", "network": "bag", "test_accuracy": over(0.5)}]  # fmt: skip
    figure = wigraph_records.backbones(rows, {"bag": "bag of embeddings"})
    found, pmi, chance = figure.data
    assert list(found.y) == [0.8, 0.25, 0.12] and list(found.error_y.array) == [0.05] * 3
    assert list(pmi.y) == [0.3] * 3 and list(chance.y) == [0.1] * 3
    assert figure.layout.xaxis.ticktext[0] == "bag of embeddings"
    said = figures.caption(figure)
    assert "bag of embeddings: 0.80, above both" in said
    assert "bilstm: 0.25, above chance, not clearly above PMI" in said
    assert "transformer: 0.12, not clearly above chance" in said
    with pytest.raises(ValueError, match="edge_precision"):
        wigraph_records.backbones(rows[-1:])


def test_what_the_layer_adds():
    itself = {"label": "bag", "against": "bag", "difference": over(0) | {"low": 0, "high": 0}}
    single = backbone("textcnn", 0.3, 0.02, math.inf)
    rows = [itself, backbone("bag", 0.8, 0.3), backbone("bilstm", 0.2, 0.005), single,
            {"label": "x", "difference": None}]  # fmt: skip
    figure = wigraph_records.accuracy(rows)
    (dots,) = figure.data
    assert list(dots.x) == pytest.approx([30, 0.5, 2]) and list(dots.y) == [0, 1, 2]
    assert list(dots.error_x.array) == pytest.approx([2, 2, 0])
    assert wigraph_records.accuracy(rows, title="few").layout.title.text == "few"
    said = figures.caption(figure)
    assert "bag: +30.0 points (+28.0 to +32.0)." in said
    assert "bilstm: +0.5 points (-1.5 to +2.5), no difference shown." in said
    assert "textcnn: +2.0 points, one seed." in said
    with pytest.raises(ValueError, match="difference"):
        wigraph_records.accuracy([itself])


def test_occlusion_against_a_random_order():
    curves = {"strongest": [0.9, 0.5, 0.4], "random order": [0.9, 0.8, 0.7]}
    figure = wigraph_records.occlusion(curves)
    assert list(figure.data[0].x) == [0, 1, 2]
    assert list(figure.data[0].y) == pytest.approx([90, 50, 40])
    assert figure.data[0].line.dash != figure.data[1].line.dash
    said = figures.caption(figure)
    assert "strongest from 90 to 40 %" in said and "points: strongest -20.0." in said
    alone = wigraph_records.occlusion({"kept": [0.5, 0.9]}, counts=[0, 4], what="edges left")
    assert list(alone.layout.xaxis.ticktext) == ["0", "4"] and list(alone.data[0].text) == [
        "0",
        "4",
    ]
    assert "edges left 0 to 4" in figures.caption(alone) and "gap" not in figures.caption(alone)
    for bad in ({}, {"a": [1.0], "b": [1.0, 0.5]}, {"a": []}):
        with pytest.raises(ValueError, match="curves"):
            wigraph_records.occlusion(bad)
    with pytest.raises(ValueError, match="curves"):
        wigraph_records.occlusion({"a": [1.0]}, counts=[0, 1])


def test_recorded_occlusion_is_read_in_the_order_of_edges():
    row = {"label": "x", "occlusion_16": over(0.9), "occlusion_2": over(0.7),
           "occlusion_none": over(0.5)}  # fmt: skip
    assert wigraph_records.kept(row) == ([0, 2, 16], [0.5, 0.7, 0.9])
    with pytest.raises(ValueError, match="occlusion_none"):
        wigraph_records.kept({"label": "x"})


NAMES = ["star", "disc", "striped", "red", "solid"]
RULE = [("star", "striped"), ("red", "star")]


def concepts(threshold=0.5):
    p = torch.full((5, 5), 0.1)
    p[0, 2], p[3, 0], p[4, 1] = 0.95, 0.3, 0.6  # striped tells star; star tells red
    return wigraph_vision.concepts(p, iter(RULE), NAMES, threshold=threshold)


def test_learnt_edges_and_the_rule_s():
    figure = concepts()
    drawn = {t.name: sum(v is not None for v in t.x) // 2 for t in figure.data
             if t.mode == "lines" and len(t.x)}  # fmt: skip
    assert drawn == {"learnt, the rule's": 1, "learnt, not the rule's": 1, "the rule's pair": 2}
    (tips,) = [t for t in figure.data if t.mode == "markers"]
    assert list(tips.text) == ["star - striped: 0.95", "disc - solid: 0.60"]
    said = figures.caption(figure)
    assert "2 of 10 pairs reach 0.50." in said
    assert "star - striped 0.95, place 1; star - red 0.30, place 3." in said
    assert "10 of 10" in figures.caption(concepts(0.0))
    nodes = figure.data[-1]
    assert [text.startswith("<b>") for text in nodes.text] == [True, False, True, True, False]


def test_concepts_refuse_what_does_not_fit():
    p = torch.zeros(5, 5)
    for bad, name in ((([], p[:2]), "names"), (([], p, NAMES[:1] * 5), "names"),
                      (([("star", "blue")], p), "'blue'")):  # fmt: skip
        pairs, table, names = (*bad, NAMES)[:3]
        with pytest.raises(ValueError, match=name):
            wigraph_vision.concepts(table, pairs, names)
    with pytest.raises(ValueError, match="threshold"):
        concepts(1.5)
