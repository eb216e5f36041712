"""The text of the pages: links, times, formulas, and a check of the finished site."""

import re
from pathlib import Path

import jupytext
import pytest

import formulas
import links
import pages
from templates import repository

FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+?(?:\n[^$\n]+?)?)\$(?!\$)", re.S)


def test_links_between_pages_hold_and_others_become_addresses(root: Path) -> None:
    page, other = root / "labs/00_orientation.ipynb", root / "labs/01_dark_knowledge.ipynb"
    text = "[next](01_dark_knowledge.ipynb) [code](../labkit/cli.py) [web](https://a.b) ![](i.png)"
    made = pages.linked(
        text + " [home](../README.md#the-labs)<!-- theory -->",
        page,
        root,
        [other, root / "index.md"],
    )
    assert made == (
        f"[next](01_dark_knowledge.ipynb) [code]({repository(root)}/blob/main/labkit/cli.py) "
        "[web](https://a.b) ![](i.png) [home](../index.md#the-labs)"
    )


def test_the_badge_becomes_words(root: Path) -> None:
    badge = (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://c.d)"
    )
    said = pages.live(f"# Lab\n\n{badge}", root / "labs/01_dark_knowledge.ipynb", root)
    assert "badge" not in said and "[open it in Colab](https://c.d)" in said
    assert "labkit open 01" in said and "on 2 CPU cores" in said


def test_the_first_page_has_each_lab_s_times(root: Path) -> None:
    rows = [line for line in pages.home(root).splitlines() if re.match(r"\| \[\d\d ", line)]
    assert len(rows) >= 10 and sum(" s / " in row for row in rows) >= 10


def test_every_formula_of_the_course_becomes_mathml(root: Path) -> None:
    found = set()
    for master in sorted(root.glob("labs/source/*.py")):
        for cell in jupytext.read(master, fmt="py:percent").cells:
            if cell.cell_type == "markdown":
                found |= {(m[1] or m[2], bool(m[1])) for m in FORMULA.finditer(cell.source)}
    assert len(found) > 200
    made = {latex: formulas.mathml(latex, block) for latex, block in found}
    assert [latex for latex, math in made.items() if "\\" in math or "<math" not in math] == []


@pytest.mark.parametrize(
    ("latex", "spaces"),
    [
        (r"\log p", 1),
        (r"\log(p)", 0),
        (r"p_i \log(p)", 1),
        (r"\underset{i}{\min} x", 1),
        (r"x_\min", 0),
    ],
)
def test_a_function_s_name_stands_off(latex: str, spaces: int) -> None:
    assert formulas.mathml(latex).count("<mspace") == spaces


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ('<a href="b.html#there">b</a>', []),
        ('<a href="c.html">c</a>', ["a.html: no c.html"]),
        ('<a href="b.html#gone">b</a>', ["a.html: no such part: b.html#gone"]),
        ('<script src="https://x.y/z.js"></script>', ["a.html: loads https://x.y/z.js"]),
        ('<img src="//x.y/z.png">', ["a.html: loads //x.y/z.png"]),
    ],
)
def test_what_is_broken_is_named(body: str, wrong: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(body)
    (tmp_path / "b.html").write_text('<p id="there">')
    assert links.broken(tmp_path) == wrong
