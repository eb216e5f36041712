"""The table of runs beside each other."""

from xml.etree import ElementTree

from labkit.figures.curve import Curve
from labkit.figures.runs import compare, table
from labkit.training import Evaluation, KnobChange, Start, Step


def run(label, accuracies, *, seed=0, temperature=4.0, epochs=3):
    made = Curve(label, {"temperature": temperature})
    made.add(Start(epochs, epochs, {"seed": seed, "epochs": epochs}))
    for epoch, value in enumerate(accuracies, 1):
        made.add(Step(epoch, float(epoch), {"kd": 1.0}, 0.01))
        made.add(Evaluation(epoch, float(epoch), {"accuracy": value}))
    return made


def test_one_row_a_run_with_differences_in_points():
    band = {"accuracy": {"epoch": [1, 3], "mean": [0.1, 0.4], "std": [0.01, 0.01]}}
    first, second = run("run 1", [0.1, 0.2, 0.3]), run("run 2", [0.2, 0.3, 0.5], temperature=8.0)
    rows = compare([first, second], band)
    assert rows[0] == {
        "run": "run 1",
        "knobs": "temperature 4",
        "epochs": "3 of 3",
        "accuracy": "30.0%",
        "minus run 1": "–",
        "minus recorded": "-10.0 points",
        "note": "one seed: no conclusion",
    }
    assert rows[1]["minus run 1"] == "+20.0 points" and rows[1]["minus recorded"] == "+10.0 points"


def test_runs_are_compared_where_both_were():
    first, second = run("run 1", [0.1, 0.2, 0.3]), run("run 2", [0.15])
    (_, row) = compare([first, second])
    assert row["minus run 1"] == "+5.0 points (both at epoch 1)" and row["epochs"] == "1 of 3"
    assert "minus recorded" not in row
    (_, row) = compare([first, run("run 2", [])])
    assert row["minus run 1"] == row["accuracy"] == "–"


def test_before_the_first_evaluation_the_record_names_the_score():
    (row,) = compare([run("run 1", [])], {"probe": {"epoch": [1], "mean": [0.1], "std": [0.0]}})
    assert row["probe accuracy"] == "–" and "accuracy" not in row


def test_the_same_setting_with_other_seeds_is_no_longer_one_seed():
    runs = [run("run 1", [0.1], seed=0), run("run 2", [0.2], seed=1), run("run 3", [0.2], seed=1)]
    other = run("run 4", [0.2], seed=2, temperature=8.0)
    notes = [row["note"] for row in compare([*runs, other])]
    assert notes == ["2 seeds", "2 seeds", "2 seeds", "one seed: no conclusion"]


def test_a_moved_knob_makes_another_setting():
    moved = run("run 2", [0.1], seed=1)
    moved.add(KnobChange(1, "temperature", 4.0, 16.0))
    rows = compare([run("run 1", [0.1], seed=0), moved])
    assert rows[1]["knobs"] == "temperature 4 → 16"
    assert [row["note"] for row in rows] == ["one seed: no conclusion"] * 2


def test_the_table_has_a_caption_and_headings_for_rows_and_columns():
    tree = ElementTree.fromstring(table(compare([run("run <1>", [0.1])])))
    assert tree.find(".//caption").text == "Runs compared"
    columns = [th.text for th in tree.iter("th") if th.get("scope") == "col"]
    rows = [th.text for th in tree.iter("th") if th.get("scope") == "row"]
    assert columns[:4] == ["run", "knobs", "epochs", "accuracy"] and rows == ["run <1>"]
    assert table([]) == ""
