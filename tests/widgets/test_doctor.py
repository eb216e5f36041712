"""The doctor's panel: a table anyone can read, and what the front end's answer makes of it."""

import re
import sys

import pytest

from labkit import training, widgets
from labkit.training.doctor import Report, Row

room = sys.modules["labkit.widgets.doctor"]  # widgets.doctor is the function
FAST = {"front_end": "JupyterLab 4.6.6", "browser": "Chrome 156", "ms": 8.4}


@pytest.fixture
def report():
    """A report of three rows: one fine, one with markup in it, one a problem."""

    def report(host="jupyter"):
        rows = (
            Row("torch", "2.15.0"),
            Row("cache", "/tmp/<b>x</b>", "note", "Mind & mend."),
            Row("memory", "1.0 GB", "problem", "Close <others>."),
        )
        return Report({"Here": rows}, {"host": host, "packages": {"jupyterlab": "4.6.6"}})

    return report


@pytest.fixture
def panel(report):
    made = widgets.doctor(report())
    yield made
    made.close()


def test_the_table_says_verdict_and_advice_in_words_and_escapes_them(panel):
    text = panel.box.children[0].value
    lines = [re.sub(r"<[^>]*>", "|", line) for line in text.split("<tr>")]
    assert [re.findall(r"[^|]+", line) for line in lines[2:]] == [
        ["torch", "ok", "2.15.0"],
        ["cache", "note", "/tmp/&lt;b&gt;x&lt;/b&gt;", "Mind &amp; mend."],
        ["memory", "problem", "1.0 GB", "Close &lt;others&gt;."],
    ]
    assert "color" not in text  # the page's own, so that a dark theme can be read


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("jupyter", "where JupyterLab itself runs"),
        ("colab", "set-up cell"),
        ("vscode", "jupyter.widgetScriptSources"),
        ("kernel", "papermill"),
        ("terminal", "make lab"),
    ],
)
def test_as_long_as_nobody_answers_the_line_says_what_to_do_there(report, host, advice):
    panel = widgets.doctor(report(host))
    assert panel.answer == {} and panel.caption.endswith("No front end has answered yet.")
    assert advice in panel.line.value and "no slider will move a figure" in panel.line.value
    panel.close()


def test_an_answer_takes_the_advice_away(panel):
    panel.widgets["front_end"].answer = FAST
    assert panel.answer == FAST
    assert panel.caption == (
        "To mend first: memory. The front end answers: sliders will follow the mouse."
    )
    assert "no slider" not in panel.line.value and "role='alert'" not in panel.line.value


def test_a_slow_answer_and_a_page_from_another_environment_are_told(panel):
    panel.widgets["front_end"].answer = FAST | {"ms": 900.0}
    assert "lag behind" in panel.caption and "arrow keys" in panel.line.value
    panel.widgets["front_end"].answer = FAST | {"front_end": "JupyterLab 4.2.0"}
    assert "The kernel's own environment has JupyterLab 4.6.6" in panel.caption
    panel.widgets["front_end"].answer = FAST | {"front_end": "Jupyter Notebook 7.5.0"}
    assert "environment" not in panel.caption


def test_every_ping_comes_back_once_and_nothing_else_does(panel, monkeypatch):
    probe, sent = panel.widgets["front_end"], []
    monkeypatch.setattr(probe, "send", lambda content, buffers=None: sent.append(content))
    for content in ({"ping": "0.25"}, {"other": 1}, {"ping": "0.5"}):
        probe._handle_custom_msg(content, [])
    assert sent == [{"pong": "0.25"}, {"pong": "0.5"}]


def test_a_cell_run_again_closes_what_it_made_before(report, alive):
    first = widgets.doctor(report())
    count = alive()
    last = widgets.doctor(report())
    assert first.closed and first.widgets["front_end"].comm is None
    assert alive() == count
    last.close()


def test_without_anywidget_the_table_is_there_and_says_so(report, monkeypatch):
    monkeypatch.setattr(room, "ASKS", False)
    panel = widgets.doctor(report())
    assert "not asked: anywidget is missing" in panel.caption
    assert len(panel.box.children) == 2 and panel.answer == {}
    panel.close()


def test_a_page_without_widgets_gets_the_table_and_the_advice_as_html(panel):
    bundle = panel._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.box.model_id
    assert (
        "<table" in bundle["text/html"]
        and room.MEND["jupyter"].split("(")[0] in bundle["text/html"]
    )
    assert str(panel.report) in bundle["text/plain"] and panel.caption in bundle["text/plain"]


@pytest.mark.slow
def test_the_real_report_fits_the_panel(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    panel = widgets.doctor(training.doctor(quick=True))
    assert str(tmp_path) in panel.box.children[0].value
    panel.close()
