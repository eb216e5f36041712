"""The command: what it prints, what it refuses, with which exit status."""

import json
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest
from PIL import Image

from labkit import cli, commands, models, notebooks, training

SPEC = """
baseline: labels
data: {name: motif100, train: 100, val: 100, test: 100}
teacher: resnet20
student: convnet
epochs: 1
precision: fp32
rows:
  labels: {method: cross-entropy, seeds: 2}
  kd: {method: kd, temperature: 4, alpha: 0.9, seeds: 2}
"""


@pytest.fixture(autouse=True)
def _own_store(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "store"))


def absent(monkeypatch, package):
    """As if `package` were not installed."""
    real = commands.find_spec

    def without(name):
        return None if name == package else real(name)

    monkeypatch.setattr(commands, "find_spec", without)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help_with_examples(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    shown = capsys.readouterr().out
    assert stopped.value.code == 0
    assert f"\n  labkit {command}" in shown.partition("examples:")[2]


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"    {command} " in shown for command in cli.COMMANDS)
    assert "130" in shown


def test_help_needs_no_torch():
    import subprocess

    code = "import sys; from labkit import cli; cli._parser(); print({'torch'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


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
    assert cli.main(["doctor", "--quick", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {"torchvision", "ipywidgets"} <= {row["what"] for row in found["problems"]}
    assert all(row["advice"] for row in found["problems"])


def test_json_stands_alone_on_stdout(capsys, monkeypatch):
    def chatty(options):
        print("working")
        print("noise", file=sys.stderr)
        return commands.Answer("words", {"low": float("-inf"), "std": [float("nan"), 0.5]})

    monkeypatch.setattr("labkit.commands.card.main", chatty)
    assert cli.main(["card", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"low": None, "std": [None, 0.5]}
    assert "Infinity" not in printed.out and "NaN" not in printed.out
    assert printed.err == "working\nnoise\n"
    assert cli.main(["card"]) == 0
    assert capsys.readouterr().out == "working\nwords\n"


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (ValueError("train must be positive"), 1, "labkit: train must be positive"),
        (OSError("disk full"), 1, "labkit: disk full"),
        (FloatingPointError("the term is nan"), 1, "labkit: the term is nan"),
        (KeyboardInterrupt(), 130, "labkit: interrupted"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_status(raised, status, said, monkeypatch, capsys):
    def fail(options):
        raise raised

    monkeypatch.setattr("labkit.commands.card.main", fail)
    assert cli.main(["card", "--json"]) == status
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith(said)
    assert "Traceback" not in printed.err


@pytest.mark.slow
def test_teach_names_its_data(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("labkit.models.teachers.TEACHERS", tmp_path)
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "store"))
    options = ["--data", "motif100-exact", "--train", "200", "--test", "200", "--epochs", "1"]
    assert cli.main(["teach", "convnet", *options]) == 0
    card = json.loads((tmp_path / "convnet-exact.json").read_text())
    assert card["data"] == {"name": "motif100-exact", "train": 200, "seed": 1}
    assert card["config"]["augment"] == "none"
    assert card["shipped"]["pictures"] == 200 and 0 < card["shipped"]["calibration_error"] < 1
    assert not list((tmp_path / "store").rglob("step-*"))  # checkpoints go when it is done


@pytest.mark.slow
def test_teach_takes_other_pictures_and_a_recipe(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("labkit.models.teachers.TEACHERS", tmp_path)
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "store"))
    short = replace(training.recipe("repdistiller"), epochs=1)
    monkeypatch.setitem(training.RECIPES, "repdistiller", short)
    for number in range(40):
        place = tmp_path / "mine" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (6 * number, 0, 0)).save(place / f"{number}.png")
    options = ["--data", f"folder:{tmp_path / 'mine'}", "--recipe", "repdistiller"]
    assert cli.main(["teach", "linear", *options]) == 0
    card = json.loads((tmp_path / "linear-mine.json").read_text())
    assert card["classes"] == 2
    assert card["config"]["schedule"] == "steps"
    assert models.load_teacher("linear-mine")


def test_unknown_model_is_one_line_with_the_nearest(capsys):
    assert cli.main(["teach", "resnt20", "--train", "100", "--test", "100"]) == 1
    error = capsys.readouterr().err
    assert "Did you mean 'resnet20'" in error
    assert "Traceback" not in error


def test_a_missing_spec_and_an_unknown_command(capsys, tmp_path):
    assert cli.main(["sweep", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        cli.main(["swep"])
    assert stopped.value.code == 2


@pytest.mark.slow
def test_sweep_writes_runs_and_their_summary(capsys, tmp_path):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(SPEC)
    assert cli.main(["sweep", str(spec), "--json"]) == 0
    table = json.loads(spec.with_suffix(".json").read_text())
    counts = {row["label"]: row["test_accuracy"]["n"] for row in table["rows"]}
    assert counts == {"labels": 2, "kd": 2}
    assert len(spec.with_suffix(".jsonl").read_text().splitlines()) == 4
    told = json.loads(capsys.readouterr().out)
    assert told["records"] == 4 and told["summary"] == str(spec.with_suffix(".json"))
    assert [row["label"] for row in told["rows"]] == ["labels", "kd"]
    assert cli.main(["sweep", str(spec)]) == 0  # nothing is missing: only the summary
    labels, kd, wrote = capsys.readouterr().out.splitlines()
    assert labels.startswith("labels ") and kd.startswith("kd temperature 4 alpha 0.9 ")
    assert "points to labels [" in kd and "from 4 runs" in wrote


def test_an_unknown_method_in_a_spec(capsys, tmp_path):
    spec = tmp_path / "bad.yaml"
    spec.write_text(SPEC.replace("method: cross-entropy", "method: kdd"))
    assert cli.main(["sweep", str(spec)]) == 1
    assert "Did you mean 'kd'" in capsys.readouterr().err


def test_fetch_tells_what_there_is(monkeypatch, capsys):
    parts = {"train": range(5), "val": range(2), "test": range(3)}
    found = SimpleNamespace(split=parts.__getitem__)
    monkeypatch.setattr("labkit.data.load", lambda name, source: found)
    assert cli.main(["fetch", "cifar10"]) == 0
    assert capsys.readouterr().out == "cifar10: 5 train, 2 val, 3 test\n"
    assert cli.main(["fetch", "cifar10", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == {"train": 5, "val": 2, "test": 3}


@pytest.fixture
def served(monkeypatch):
    """The flags JupyterLab would have been started with, call by call."""
    calls = []
    room = ModuleType("jupyterlab.labapp")
    room.main = calls.append
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", room)
    return calls


def test_open_hands_jupyterlab_the_flags_of_make_lab(served, root):
    assert cli.main(["open"]) == 0
    assert cli.main(["open", "01", "--no-browser", "--port", "8890"]) == 0
    plain, lab = served
    makefile = (root / "Makefile").read_text()
    assert plain[0] == f"--ServerApp.root_dir={root / 'labs'}"
    assert "--ServerApp.root_dir=labs" in makefile and "--allow-root" in makefile
    assert {"--no-browser", "--ServerApp.port=8890"} < set(lab)
    assert lab[-1] == "--LabApp.default_url=/lab/tree/01_dark_knowledge.ipynb"


@pytest.mark.parametrize(
    ("command", "package"), [("open", "jupyterlab"), ("run", "papermill"), ("run", "ipykernel")]
)
def test_what_is_not_installed_is_said(command, package, served, monkeypatch, capsys):
    absent(monkeypatch, package)
    assert cli.main([command, "01"]) == 1
    error = capsys.readouterr().err
    assert served == []
    assert f"'labkit {command}' needs {package}" in error and f"pip install {package}" in error


def test_run_reports_the_notebook_or_the_failed_cell(monkeypatch, capsys, tmp_path):
    out, asked = tmp_path / "out.ipynb", []

    def pretend(lab, chosen, where):
        asked.append((lab.name, chosen, where))
        return notebooks.Executed(out, "ValueError: no" if "SEED" in chosen else None)

    monkeypatch.setattr(notebooks, "run", pretend)
    good = ["run", "1", "-p", "TEMPERATURE", "8", "-p", "BUDGET", "smoke", "--out", str(out)]
    assert cli.main([*good, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    chosen = {"TEMPERATURE": 8, "BUDGET": "smoke"}
    assert told == {"lab": "01_dark_knowledge", "parameters": chosen, "notebook": str(out)}
    assert asked == [("01_dark_knowledge.ipynb", chosen, out)]
    assert cli.main(["run", "01", "-p", "SEED", "3"]) == 1
    assert "ValueError: no" in capsys.readouterr().err
    assert cli.main(["run", "01", "-p", "SEED", "3", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"] == "ValueError: no"


@pytest.mark.slow
def test_run_lists_the_parameters(capsys):
    assert cli.main(["run", "01", "--list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["parameters"]
    assert told["TEMPERATURE"] == 4.0 and told["DATASET"] == "motif100"
