"""A figure that is changed before it is first shown keeps the data that did not change."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

pytestmark = pytest.mark.browser

CELLS = [
    """from labkit import widgets
from labkit.figures import style

def draw(at):
    line = {"type": "scatter", "mode": "lines", "x": [1, 2, 4], "y": [at, 2, 3]}
    dot = {"type": "scatter", "mode": "markers", "x": [at], "y": [at]}
    return style.panels([{"traces": [line, dot], "title": f"at {at}"}], height=300, caption="")

panel = widgets.explore(draw, name="unseen", at=widgets.slider("at", 1, 0, 5))""",
    "panel.widgets['at'].value = 3",
    "panel",
]


def test_an_update_before_the_first_view_loses_nothing(notebook, tmp_path):
    book = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    path = tmp_path / "unseen.ipynb"
    nbformat.write(book, path)
    page = notebook(path)
    page.run_all()
    panel = page.panel("at")
    data = panel.plot.evaluate("p => p.data.map((t) => [[...t.x], [...t.y]])")
    assert data == [[[1, 2, 4], [3, 2, 3]], [[3], [3]]]
