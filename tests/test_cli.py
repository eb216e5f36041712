"""The command: what it prints, what it refuses, with which exit status."""

import json

import pytest

from labkit import cli, training


def test_doctor_names_versions_and_device(capsys):
    status = cli.main(["doctor", "--quick"])
    printed = capsys.readouterr().out
    assert status == ("To mend first" in printed)
    assert training.versions()["torch"] in printed
    assert "threads" in printed


def test_a_problem_makes_the_doctor_exit_with_1(capsys, monkeypatch):
    monkeypatch.setattr("labkit.training.facts._version", lambda name: None)
    assert cli.main(["doctor", "--quick"]) == 1
    assert "To mend first" in capsys.readouterr().out


def test_teach_names_its_data(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("labkit.models.teachers.TEACHERS", tmp_path)
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "cache"))
    options = ["--data", "motif100-exact", "--train", "200", "--epochs", "1"]
    assert cli.main(["teach", "resnet8", *options]) == 0
    card = json.loads((tmp_path / "resnet8-exact.json").read_text())
    assert card["data"] == {"name": "motif100-exact", "train": 200, "seed": 1}
    assert card["config"]["augment"] == "none"


def test_unknown_model_is_one_line_with_the_nearest(capsys):
    assert cli.main(["teach", "resnt20"]) == 1
    error = capsys.readouterr().err
    assert "Did you mean 'resnet20'" in error
    assert "Traceback" not in error


def test_a_missing_spec_and_an_unknown_command(capsys, tmp_path):
    assert cli.main(["sweep", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        cli.main(["swep"])
    assert stopped.value.code == 2


def test_sweep_writes_runs_and_their_summary(capsys, tmp_path):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(
        "baseline: labels\n"
        "data: {name: motif100, train: 100, val: 100, test: 100}\n"
        "teacher: resnet20\nstudent: convnet\nepochs: 1\nprecision: fp32\n"
        "rows:\n  labels: {method: cross-entropy, seeds: 2}\n"
        "  kd: {method: kd, temperature: 4, alpha: 0.9, seeds: 2}\n"
    )
    assert cli.main(["sweep", str(spec)]) == 0
    table = json.loads(spec.with_suffix(".json").read_text())
    assert {row["label"]: row["test_accuracy"]["n"] for row in table["rows"]} == {
        "labels": 2,
        "kd": 2,
    }
    assert len(spec.with_suffix(".jsonl").read_text().splitlines()) == 4


def test_an_unknown_method_in_a_spec(capsys, tmp_path):
    spec = tmp_path / "bad.yaml"
    spec.write_text(
        "baseline: x\ndata: {name: motif100, train: 100, val: 100, test: 100}\n"
        "teacher: resnet20\nstudent: convnet\nepochs: 1\n"
        "rows:\n  x: {method: kdd, seeds: 1}\n"
    )
    assert cli.main(["sweep", str(spec)]) == 1
    assert "Did you mean 'kd'" in capsys.readouterr().err
