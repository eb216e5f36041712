"""A small course, printed and looked at in Chromium: offline, by keyboard, by axe."""

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import build_site
from labkit.widgets.stored import apply, difference

pytestmark = pytest.mark.slow
LAB = "labs/01_small.html"
PAGES = ("index.html", LAB, "glossary.html", "labs/guide/README.html")


@pytest.fixture(scope="module")
def visit(chromium, site: Path) -> Iterator[Callable[..., Any]]:
    """visit(page, **look) -> the page, all its panels drawn; none may ask or complain."""
    contexts, said = [], []

    def go(name: str, **look: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **look})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: m.type == "error" and said.append(m.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda r: re.match("file|data|blob", r.url) or said.append(r.url))
        page.goto((site / name).as_uri())
        for figure in page.locator(".still-figure").all():
            figure.scroll_into_view_if_needed()
            figure.locator(".main-svg").first.wait_for()
        return page

    yield go
    for context in contexts:
        context.close()
    assert said == []


def test_outputs_are_printed_and_nothing_is_solved(site: Path) -> None:
    page = (site / LAB).read_text()
    (output,) = re.findall(r'<div class="output stream.*?</div>', page, re.S)
    assert "done" in output and "half" not in output
    assert page.count("NotImplementedError") == 1 and "Traceback" not in page
    assert page.count("<math") == 3 and "find_spec" not in page
    assert "What stands here answers to your machine" in page


def test_a_second_build_runs_no_notebook(course: Path, site: Path, monkeypatch) -> None:
    monkeypatch.setattr(build_site, "run", lambda *_: pytest.fail("ran again"))
    (master,) = build_site.masters(course)
    assert build_site.executed(master, course).cells


def test_a_site_too_large_fails(course: Path, site: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(build_site, "MOST", 1e6)
    monkeypatch.setattr(build_site, "printed", lambda *_: None)
    assert build_site.main([], root=course) == 1
    assert "more than 1" in capsys.readouterr().out


def test_a_key_moves_figure_and_sentence(visit) -> None:
    box = visit(LAB).locator("[data-panel=wave]")
    slider, sentence = box.get_by_role("slider", name="size"), box.locator(".still-sentence")
    drawn = "p => p.querySelector('.scatterlayer path').getAttribute('d')"
    before = box.locator(".still-figure").evaluate(drawn)
    assert sentence.inner_text() == "A blue wave of size 2."
    slider.focus()
    slider.press("ArrowLeft")
    box.get_by_text("A blue wave of size 1.").wait_for()
    assert slider.get_attribute("aria-valuetext") == "1" == box.locator("output").inner_text()
    assert box.locator(".still-figure").evaluate(drawn) != before


def test_a_setting_that_was_not_drawn_says_so(visit) -> None:
    box = visit(LAB).locator("[data-panel=wave]")
    box.get_by_label("colour").select_option("green")
    box.get_by_role("slider").press("ArrowRight")
    told = box.get_by_text("Not drawn at size = 3, colour = green: ValueError")
    told.wait_for()
    box.get_by_role("slider").press("ArrowRight")
    box.get_by_text("A green wave of size 4.").wait_for()
    assert not told.is_visible()


def test_knobs_recorded_alone_put_each_other_back(visit) -> None:
    box = visit(LAB).locator("[data-panel=many]")
    assert box.get_by_text("Recorded one knob at a time").is_visible()
    assert box.get_by_text("word: hello (typing needs the live lab").is_visible()
    first, second = box.get_by_role("slider").all()  # the clock is left to its slider
    start = first.get_attribute("aria-valuetext")
    first.press("End")
    box.get_by_role("checkbox").press("Space")
    assert first.get_attribute("aria-valuetext") == "64.00"  # a switch does not count
    second.press("ArrowRight")
    assert first.get_attribute("aria-valuetext") == start
    assert not box.get_by_role("checkbox").is_checked()


def test_a_panel_shown_again_moves_without_data_of_its_own(visit) -> None:
    first, again = visit(LAB).locator("[data-panel=again]").all()
    again.get_by_role("slider").press("ArrowLeft")
    again.get_by_text("A blue wave of size 1.").wait_for()
    assert "size 2" in first.locator(".still-sentence").inner_text()
    assert len(again.locator("script").text_content()) == 0


def test_the_browser_applies_differences_as_python_does(visit) -> None:
    page, draw = visit(LAB), random.Random(0)

    def value(depth: int) -> Any:
        kind = draw.randrange(3) if depth else 0
        if kind == 0:
            return draw.choice([None, True, 0, 1.5, "a", [], {}])
        if kind == 1:
            return [value(depth - 1) for _ in range(draw.randrange(3))]
        return {key: value(depth - 1) for key in draw.sample("abc", 2)}

    for _ in range(100):
        old, new = value(3), value(3)
        pair = [old, difference(old, new)]
        made = page.evaluate("([old, change]) => labkitStill.patched(old, change)", pair)
        assert made == apply(*pair) == new


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    for name in PAGES:
        found = Axe().run(visit(name, color_scheme=scheme), options={"preload": False}).response
        grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
        named = [(one["id"], one["nodes"][0]["target"]) for one in grave]
        assert named == [], f"{name}, {scheme}: {json.dumps(named)}"


def test_at_twice_the_size_nothing_is_cut_off(visit) -> None:
    page = visit(LAB, viewport={"width": 640, "height": 450}, device_scale_factor=2)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    for slider in page.get_by_role("slider").all():
        place = slider.bounding_box()
        assert place["x"] >= 0 and place["x"] + place["width"] <= 640
