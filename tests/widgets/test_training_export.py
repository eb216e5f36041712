"""Export: the finished run as a record and as a script."""

import ast
import json

import pytest

from labkit import data, models, training
from labkit.training import Done, Start, Step
from tests.widgets.panels import make


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LABKIT_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def learning(folder):
    pictures = data.load("motif100", train=64, val=16, test=16, progress=False)

    def begin(control):
        model = models.build("linear", 100, seed=0)
        return training.fit(
            model, training.cross_entropy, pictures, epochs=1, batch_size=32, control=control
        )

    return begin


@pytest.mark.slow
def test_export_writes_the_record_and_a_script_and_says_where(learning, folder):
    panel = make(learning, "blocking", name="my lab / distil")
    assert panel.widgets["export"].disabled
    panel.start()
    assert not panel.widgets["export"].disabled
    record, code = panel.export()
    assert record.parent == code.parent == folder and record.stem == code.stem
    assert json.loads(record.read_text())["result"] == panel.result()["result"]
    assert "temperature=4.0" in code.read_text() and ast.parse(code.read_text())
    assert str(record) in panel.line.value and str(code) in panel.line.value
    panel.close()


def test_there_is_nothing_to_export_before_the_end(learning):
    panel = make(learning, "thread")
    with pytest.raises(RuntimeError, match="no run yet"):
        panel.export()
    panel.step()
    assert panel.widgets["export"].disabled
    with pytest.raises(RuntimeError, match="not done"):
        panel.export()
    panel.close()


def test_folders_that_cannot_be_written_show_in_the_panel(learning, folder, monkeypatch):
    panel = make(learning, "blocking")
    panel.start()
    folder.write_text("a file where the folder should be")
    monkeypatch.setattr("tempfile.tempdir", str(folder.parent))
    with pytest.warns(UserWarning, match="cannot be written"):
        panel.widgets["export"].click()
    assert str(folder.parent / "labkit-runs") in panel.line.value
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    panel.widgets["export"].click()
    assert "Not exported: NotADirectoryError" in panel.line.value and panel.state == "done"
    panel.close()


def test_a_record_too_thin_for_a_script_is_kept_all_the_same(folder):
    def begin(control):
        yield Start(1, 1)
        yield Step(1, 1.0, {"ce": 1.0}, 0.1)
        yield Done(1, {"result": 7})

    panel = make(begin, "blocking")
    panel.start()
    kept, code = panel.export()
    assert code is None
    assert json.loads(kept.read_text()) == {"result": 7}
    panel.close()
