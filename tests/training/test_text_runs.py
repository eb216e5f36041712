"""Sweeps of text classifiers: what a record holds, rows compared, files of one's own."""

import json

import pytest
import torch
from pytest import approx, raises

from labkit import evaluation, models
from labkit.data import text
from labkit.training import fit_text, run, sweep, text_runs

DATA = {"train": 120, "val": 40, "test": 60}
SPEC = {
    "text": "interactions",
    "baseline": "none",
    "data": DATA,
    "pairs": {"bag": {"network": "bag"}, "cnn": {"network": "textcnn"}},
    "epochs": 1,
    "dim": 8,
    "batch_size": 40,
    "explained": 5,
    "rows": {
        "none": {"layer": False, "seeds": 2},
        "layer": {"beta_sparsity": 1.0, "seeds": 2, "pairs": ["bag"]},
        "xor": {"seeds": 1, "data": {"kinds": ["xor"]}, "pairs": ["bag"]},
    },
}
ALONE = {k: v for k, v in SPEC.items() if k != "pairs"} | {"rows": {"one": {"seeds": 1}}}
ALWAYS = {"epoch", "val_accuracy", "test_accuracy", "test_loss"}
FAITH = {"aopc", "aopc_random", "post_hoc", "post_hoc_random"}


def one(spec=SPEC, **settings):
    return text_runs.Texts(spec, "cpu").run(
        {"epochs": 1, "dim": 8, "batch_size": 40, "explained": 0, "seed": 0} | settings
    )


@pytest.mark.slow
def test_rows_are_compared_in_pairs_and_resumed(tmp_path):
    records = sweep.sweep(SPEC, tmp_path / "s.jsonl", device="cpu")
    assert len(records) == 7
    table = sweep.summarise(records, "none")["by_label"]
    row = table["bag/layer"]
    assert row["difference"]["n"] == 2
    mean = {k: table[f"bag/{k}"]["test_accuracy"]["mean"] for k in ("layer", "none")}
    assert row["difference"]["mean"] == approx(mean["layer"] - mean["none"])
    kinds = {f"test_{kind}" for kind in text.KINDS}
    assert ALWAYS | FAITH | kinds <= table["cnn/none"].keys()
    assert not any(name.startswith(("edge", "occlusion")) for name in table["cnn/none"])
    assert {"edge_pmi", "edge_random", "edge_precision_xor", "occlusion_none"} <= row.keys()
    assert "test_pair" not in table["bag/xor"] and "edge_pmi_xor" in table["bag/xor"]
    assert all(len(line) < 4000 for line in (tmp_path / "s.jsonl").read_text().splitlines())
    before = (tmp_path / "s.jsonl").read_text()
    assert json.dumps(sweep.sweep(SPEC, tmp_path / "s.jsonl")) == json.dumps(records)
    assert (tmp_path / "s.jsonl").read_text() == before


def test_a_record_is_that_of_the_training_done_by_hand():
    parts = {s: text.interactions(n, split=s) for s, n in DATA.items()}
    words = text.tokenizer(parts["train"].texts)
    graph = models.WIGRAPH(len(words), 8, subset=range(2, len(words)), symmetric=True)
    model = models.build_text("bilstm", len(words), 2, dim=8, graph=graph, seed=3)
    mine = run_of(fit_text(model, parts, words, epochs=2, batch_size=40, seed=3))
    theirs = one(network="bilstm", symmetric=True, epochs=2, seed=3)
    assert theirs["result"]["test_loss"] == mine["result"]["test_loss"]
    found = evaluation.edge_precision(graph, parts["train"], words)
    assert theirs["result"]["edge_precision"] == approx(found.found)
    assert theirs["result"]["edge_pmi"] == approx(found.pmi, abs=1e-4)
    tokens, kind = words.encode(parts["test"].texts), parts["test"].kind
    right = (model(tokens).argmax(1) == parts["test"].labels).float()
    for number, name in enumerate(text.KINDS):
        mean = right[kind == number].mean().item()
        assert theirs["result"][f"test_{name}"] == approx(mean, abs=1e-4)


def run_of(events):
    return run(events, on_event=lambda event: None)


def test_of_each_kind_only_its_own_sentences_are_asked():
    """In others its pairs never meet, and the true pairs of others would count as false."""
    found = one()["result"]
    for name in text.KINDS:
        rows = one(data=DATA | {"kinds": [name], "train": 40})["result"]
        assert rows[f"edge_pmi_{name}"] == rows["edge_pmi"] > 0
        assert 0 < found[f"edge_precision_{name}"] <= 1


def test_knobs_and_layer_settings_reach_the_training():
    knobs = {"beta_graph": 0.25, "beta_sparsity": 0.0, "beta_mask": 0.5, "temperature": 2.0}
    record = one(word_mask=True, edge_learning_rate=1.0, **knobs)
    terms = record["curve"][0]["terms"]
    assert set(terms) == {"prediction", "mask", "graph", "sparsity"} and terms["sparsity"] == 0
    assert terms["mask"] > 0 and terms["graph"] > 0
    plain = one(beta_mask=0.5)
    assert "mask" not in plain["curve"][0]["terms"]
    assert one(weighted=True)["result"] != plain["result"]
    words = text.tokenizer(text.interactions(120).texts)
    few = text_runs.built({"subset": 7, "seed": 0}, words, 2)
    assert few.graph.subset.tolist() == [*range(2, 9)]
    assert text_runs.built({"layer": False, "seed": 0}, words, 2).graph is None


def test_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = one(word_mask=True, weighted=True), one(word_mask=True, weighted=True)
    assert first["result"] == second["result"] and torch.equal(torch.get_rng_state(), before)


def test_strongest_edges_are_named_and_were_met():
    record = one(epochs=3)
    assert 0 < len(record["strongest"]) <= text_runs.STRONGEST
    sentences = [set(t.split()) for t in text.interactions(120).texts]
    for telling, told, p in record["strongest"]:
        assert sum({telling, told} <= s for s in sentences) >= text_runs.MET and 0 < p < 1
    assert "strongest" not in one(layer=False)


def test_sentences_of_files(tmp_path):
    things = [f"{a} {b}" for a in ("cats", "dogs", "birds", "trees") for b in ("at sea", "in rain")]
    for name, word in (("neg", "dull"), ("pos", "warm")):
        (tmp_path / name).write_text("\n".join(f"a {word} film about {what}" for what in things))
    data = {"negative_path": str(tmp_path / "neg"), "positive_path": str(tmp_path / "pos")}
    spec = {"text": "polarity", "data": data | {"val": 0.2, "test": 0.2}}
    found = one(spec, epochs=60, batch_size=6, vocabulary=12, explained=3)
    assert ALWAYS | FAITH | {"edge_mean", "occlusion_1"} <= found["result"].keys()
    assert not {"edge_pmi", "edge_precision"} & found["result"].keys()
    assert found["result"]["test_accuracy"] == 1
    lines = [f"{label} a {word} {what}" for label, word in enumerate("xy") for what in things]
    (tmp_path / "both").write_text("\n".join(lines))
    spec = {"text": "labelled", "data": {"path": str(tmp_path / "both"), "val": 0.2, "test": 0.2}}
    assert one(spec, batch_size=6)["data"] == {"train": 8, "val": 4, "test": 4}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (SPEC | {"text": "poems"}, "unknown text 'poems'"),
        (ALONE | {"network": "mamba"}, "unknown text model 'mamba'"),
        (ALONE | {"subset": 0}, "subset must be"),
        (ALONE | {"beta_sparse": 2}, "unknown setting 'beta_sparse'.*beta_sparsity"),
    ],
)
def test_a_wrong_spec_is_said(spec, told, tmp_path):
    with raises(ValueError, match=told):
        sweep.sweep(spec, tmp_path / "s.jsonl", device="cpu")
