"""Lab 01 without a mouse, without sight, at double size and in the dark."""

import pytest

pytestmark = pytest.mark.browser
SOFTEN = "probability axis"

FOCUS = """() => [...document.querySelectorAll('.jp-OutputArea-output .widget-vbox *')]
    .includes(document.activeElement) ? document.activeElement.outerHTML.slice(0, 120) : ''"""
OVERFLOW = """(box) => {
    const wide = box.closest('.jp-OutputArea-output').clientWidth;
    return [...box.querySelectorAll('.widget-inline-hbox, .js-plotly-plot, .widget-html')]
        .filter((part) => part.scrollWidth > wide + 1).map((part) => part.className);
}"""


@pytest.fixture(scope="module")
def lab(notebook, root):
    page = notebook(root / "labs" / "01_dark_knowledge.ipynb")
    page.run_all()
    return page


def spoken(handle) -> tuple[str, str]:
    return handle.get_attribute("aria-label"), handle.get_attribute("aria-valuetext")


def test_a_slider_has_a_name_and_says_what_its_readout_shows(lab):
    panel = lab.panel(SOFTEN)
    name, value = spoken(panel.handle())
    assert name == "temperature T" and float(value) == 4.0
    panel.handle().press("ArrowRight")
    readout = panel.box.locator(".widget-readout").first
    lab.until(lambda: readout.text_content() != value, 5)
    lab.until(lambda: spoken(panel.handle()) == (name, readout.text_content()), 5)
    assert panel.box.locator("[role=img][aria-label]").count() == 1
    assert panel.box.locator("[aria-live=polite]").last.text_content() == panel.sentence


def test_every_control_of_a_panel_is_reached_by_the_tab_key(lab):
    panel = lab.panel(SOFTEN)
    panel.handle().focus()
    controls = panel.box.locator(".noUi-handle, select, input, button").count()
    reached = set()
    for _ in range(2 * controls + 2):
        reached.add(lab.page.evaluate(FOCUS))
        lab.page.keyboard.press("Tab")
    assert len(reached - {""}) >= controls


@pytest.mark.parametrize("width", [640])
def test_at_double_size_nothing_is_cut_off(lab, width):
    """A page at 200 % has half the width in its own pixels."""
    lab.page.set_viewport_size({"width": width, "height": 500})
    panel = lab.panel(SOFTEN)
    lab.until(lambda: panel.fits, 5)
    lab.shot("lab01-double")
    assert panel.box.evaluate(OVERFLOW) == []
    lab.page.set_viewport_size({"width": 1280, "height": 1000})


def test_the_sentence_can_be_read_in_the_dark_theme(lab):
    run = "(name) => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    lab.page.evaluate(run, "JupyterLab Dark")
    lab.page.wait_for_timeout(1000)
    panel = lab.panel(SOFTEN)
    lab.shot("lab01-dark")
    colours = panel.box.locator("[aria-live=polite]").last.evaluate(
        """(line) => [getComputedStyle(line).color,
                      getComputedStyle(line.closest('.jp-Notebook')).backgroundColor]"""
    )
    lab.page.evaluate(run, "JupyterLab Light")
    text, ground = (luminance(colour) for colour in colours)
    assert (max(text, ground) + 0.05) / (min(text, ground) + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """WCAG's relative luminance of "rgb(r, g, b)"."""
    parts = [float(p) / 255 for p in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
