"""Statistics of records against scipy's published t values, and a sweep that survives a kill."""

import json
import math

import pytest
import yaml
from pytest import approx, raises, warns

from labkit import models, training
from labkit.training import sweep, workers


def test_paired_difference_and_interval():
    ours = {0: 0.30, 1: 0.34, 2: 0.32, 7: 0.9}
    theirs = {0: 0.20, 1: 0.22, 2: 0.24}
    result = training.paired(ours, theirs)
    assert result["n"] == 3
    assert result["mean"] == approx(0.1)
    # differences 0.10, 0.12, 0.08: standard deviation 0.02, t(2, 97.5 %) = 4.303
    assert result["high"] - result["mean"] == approx(4.303 * 0.02 / math.sqrt(3), rel=1e-6)
    assert training.paired({0: 1.0}, {0: 0.5})["high"] == math.inf


def test_summary_of_one_has_no_spread():
    assert math.isnan(training.summary([0.5])["std"])
    with raises(ValueError):
        training.summary([])


def test_the_runs_behind_a_reference_come_one_by_one():
    runs = training.reference_runs("lab06")
    assert {run["run"]["pair"] for run in runs} == {"wrn_16_2-convnet", "resnet56-resnet8"}
    with raises(ValueError, match="unknown recorded sweep 'lab99'"):
        training.reference_runs("lab99")


def test_unknown_reference_lists_what_there_is():
    with raises(ValueError, match="unknown reference record 'lab99'"):
        training.reference("lab99")


def test_a_kept_record_comes_back(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_RUNS", str(tmp_path / "mine"))
    record = {"result": {"test_accuracy": 0.5}, "curve": []}
    paths = [training.keep(record, "lab00") for _ in range(2)]
    assert paths[0] != paths[1] and paths[0].parent == tmp_path / "mine"
    assert all(json.loads(path.read_text()) == record for path in paths)


def test_a_record_is_kept_although_its_folder_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LABKIT_RUNS", str(tmp_path / "file"))
    monkeypatch.setattr(training.records.tempfile, "gettempdir", lambda: str(tmp_path))
    with warns(UserWarning, match=r"file cannot be written .*: the record is in .*labkit-runs"):
        path = training.keep({"seed": 1}, "lab00")
    assert json.loads(path.read_text()) == {"seed": 1}


def test_a_row_may_change_the_data_and_the_teacher():
    row = {"method": "kd", "seeds": 1, "data": {"train": 300}, "teacher": "bayes"}
    runs = {r["label"]: r for r in sweep.expand({**SPEC, "rows": {**SPEC["rows"], "other": row}})}
    assert runs["other"]["data"] == {**SPEC["data"], "train": 300}
    assert runs["other"]["teacher"] == "bayes" and "data" not in runs["ce"]


def test_the_perfect_teacher_in_a_sweep(tmp_path):
    data = {"name": "motif100-exact", "train": 200, "val": 100, "test": 100}
    rows = {"bayes": {"method": "kd", "temperature": 1, "alpha": 1.0, "seeds": 1}}
    spec = {**SPEC, "data": data, "teacher": "bayes", "augment": "none", "rows": rows}
    (record,) = sweep.sweep(spec, tmp_path / "runs.jsonl", device="cpu")
    assert record["data"] == "motif100-exact" and record["result"]["test_loss"] > 0


def test_a_method_that_needs_a_teacher_asks_for_one(tmp_path):
    spec = {k: v for k, v in SPEC.items() if k != "teacher"}
    with raises(ValueError, match="the method 'kd' needs a teacher"):
        sweep.sweep({**spec, "rows": {"kd": SPEC["rows"]["kd"]}}, tmp_path / "x.jsonl")


SPEC = {
    "data": {"name": "motif100", "train": 200, "val": 100, "test": 100},
    "teacher": "tiny",
    "student": "convnet",
    "epochs": 1,
    "precision": "fp32",
    "rows": {
        "ce": {"method": "cross-entropy", "seeds": 2},
        "kd": {"method": "kd", "temperature": [1, 4], "alpha": 0.5, "seeds": 2},
    },
}


def test_sweep_skips_what_is_recorded_and_mends_a_cut_line(tmp_path, monkeypatch):
    network = models.build("convnet", 100, seed=5).eval()
    monkeypatch.setattr(models, "load_teacher", lambda name: network)
    out = tmp_path / "runs.jsonl"
    records = sweep.sweep(SPEC, out, device="cpu")
    lines = out.read_text().splitlines()
    assert len(records) == len(lines) == 6
    out.write_text("\n".join(lines[:3]) + "\n" + lines[3][:40])  # killed while writing
    result = {k: v for k, v in json.loads(lines[3]).items() if k != "run"}
    trained = []
    monkeypatch.setattr(workers, "one", lambda *a, **more: trained.append(a) or result)
    again = sweep.sweep(SPEC, out, device="cpu")
    assert len(trained) == 3
    assert all(json.loads(line) for line in out.read_text().splitlines())
    assert [r["run"] for r in again] == [r["run"] for r in records]


def test_replayed_answers_give_the_same_run(tmp_path, monkeypatch):
    """The second KD run of a seed reads the teacher's answers from memory: same as asking it."""
    network = models.build("convnet", 100, seed=5).eval()
    monkeypatch.setattr(models, "load_teacher", lambda name: network)
    both = sweep.sweep(SPEC, tmp_path / "a.jsonl", device="cpu")
    alone = {**SPEC, "rows": {"kd": {**SPEC["rows"]["kd"], "temperature": 4}}}
    fresh = sweep.sweep(alone, tmp_path / "b.jsonl", device="cpu")
    replayed = [r for r in both if r["run"].get("temperature") == 4]
    assert [r["curve"] for r in replayed] == [r["curve"] for r in fresh]


def test_summary_pairs_by_seed(tmp_path):
    def record(label, seed, accuracy):
        result = {"test_accuracy": accuracy, "val_accuracy": accuracy, "test_loss": 1.0}
        curve = [{"epoch": e, "accuracy": accuracy * e} for e in (1, 2)]
        run = {"label": label, "seed": seed}
        return {"run": run, "seconds": 1.0, "result": result, "curve": curve}

    records = [record("ce", s, 0.1 + s / 10) for s in range(3)]
    records += [record("kd", s, 0.15 + s / 10) for s in range(3)]
    table = sweep.summarise(records, baseline="ce")
    assert table["by_label"]["kd"]["difference"]["mean"] == approx(0.05)
    assert table["by_label"]["kd"]["difference"]["high"] == approx(0.05)
    assert [row["label"] for row in table["rows"]] == ["ce", "kd"]
    turned = sweep.summarise(records, baseline="ce", against={"ce": "kd"})
    assert turned["by_label"]["ce"]["difference"]["mean"] == approx(-0.05)
    assert turned["by_label"]["ce"]["against"] == "kd"
    assert table["by_label"]["ce"]["curve"]["epoch"] == [1, 2]
    assert table["by_label"]["ce"]["curve"]["mean"] == approx([0.2, 0.4])
    assert table["by_label"]["ce"]["curve"]["std"] == approx([0.1, 0.2])


@pytest.mark.parametrize("spec", sorted(training.records.REFERENCE.glob("*.yaml")), ids=str)
def test_shipped_summaries_are_those_of_the_shipped_runs(spec):
    """Every run the spec names is there, and the summary that prose quotes follows from them."""
    wanted = yaml.safe_load(spec.read_text())
    runs = {sweep._key(r["run"]): r for r in sweep.read(spec.with_suffix(".jsonl"))}
    records = [runs[sweep._key(run)] | {"run": run} for run in sweep.expand(wanted)]
    against = {k: row["against"] for k, row in wanted["rows"].items() if "against" in row}
    table = sweep.summarise(records, wanted["baseline"], against)
    shipped = json.loads(spec.with_suffix(".json").read_text())
    assert {row["label"] for row in shipped["rows"]} == wanted["rows"].keys()
    # as text: one seed has no spread, and NaN is equal to nothing
    found, stored = (json.dumps(t["by_label"], sort_keys=True) for t in (table, shipped))
    assert found == stored
    by_setting = {json.dumps(r, sort_keys=True, default=str) for r in shipped["rows"]}
    assert {json.dumps(r, sort_keys=True, default=str) for r in table["rows"]} == by_setting


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.01, 0.03, "better"), (-0.03, -0.01, "worse"), (-0.01, 0.03, "not to be told apart")],
)
def test_a_difference_in_words(low, high, word):
    told = training.told({"mean": (low + high) / 2, "low": low, "high": high})
    assert told.endswith(f"({100 * low:+.1f} to {100 * high:+.1f}): {word}")


def test_a_summary_in_percent():
    assert training.percent({"mean": 0.8194, "std": 0.005}) == "81.9 ± 0.5"
