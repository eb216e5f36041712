"""The data panel loads what is chosen, says what came, and survives what did not."""

import pytest
from PIL import Image

from labkit import data, widgets
from labkit.data.progress import Progress


@pytest.fixture
def panel():
    made = widgets.data_panel(data.load("motif100", train=200, val=100, test=100), name="test")
    yield made
    made.close()


def test_it_begins_with_what_it_is_given(panel):
    assert "200 + 100 + 100 pictures" in panel.caption and "100 classes" in panel.caption
    assert panel.dataset.digest[:16] in panel.caption
    assert len(panel.figure.data[1].hovertext) == 24
    assert panel.path.layout.display == "none"


def test_a_folder_in_three_steps(panel, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(12):
            Image.new("RGB", (40, 40), (number * 20, 90, 0)).save(tmp_path / name / f"{number}.png")
    panel.source.value = "folder"
    assert panel.path.layout.display == ""
    panel.path.value = str(tmp_path)
    panel.button.click()
    panel.wait(20)
    assert panel.dataset.class_names == ("cat", "dog") and panel.error is None
    assert "of 2 classes, ready after" in panel.caption
    assert set(panel.figure.data[1].hovertext) == {"cat", "dog"}


def test_what_fails_is_said_and_the_old_set_stays(panel, tmp_path):
    before = panel.dataset
    panel.source.value, panel.path.value = "folder", str(tmp_path / "nowhere <b>")
    panel.load()
    panel.wait(20)
    assert isinstance(panel.error, FileNotFoundError) and panel.dataset is before
    assert "does not exist" in panel.line.value and "<b>&quot;" not in panel.line.value
    assert not panel.button.disabled


def test_progress_is_shown_in_the_panel(panel, monkeypatch, capsys):
    lines = []
    monkeypatch.setattr("labkit.data.progress.PATIENCE", 0)
    monkeypatch.setattr("labkit.data.progress.PAUSE", 0)
    say = panel.say

    def slowly(name):
        with Progress(10, "images", "reading") as line:
            line.update(5)
        return before

    before = panel.dataset
    monkeypatch.setattr(data, "load", slowly)
    monkeypatch.setattr(panel, "say", lambda *text: lines.append(text[0]) or say(*text))
    panel.load()
    panel.wait(20)
    assert any(line.startswith("reading: 5 of 10 images") for line in lines)
    assert "reading" not in capsys.readouterr().out
