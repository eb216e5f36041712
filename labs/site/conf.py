"""How Sphinx prints the course; build_site.py calls it."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from formulas import displayed, inline

project = html_title = "labkit"
language = "en"
extensions = ["myst_nb"]
html_theme = "furo"
html_css_files = ["still.css"]
html_use_index = False
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": False}
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, Any] = {}  # nothing is fetched
nb_merge_streams = True


def scripts(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Only a page with panels loads what draws them; captions of the side bar get their level."""
    side, heading = str(context.get("furo_navigation_tree", "")), 'role="heading"'
    context["furo_navigation_tree"] = side.replace(heading, f'{heading} aria-level="2"')
    body = context.get("body", "")
    if 'class="still-figure"' in body:
        app.add_js_file("plotly.min.js", loading_method="defer")
    app.add_js_file("still.js", loading_method="defer")


def setup(app: Any) -> None:
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
    app.connect("html-page-context", scripts, priority=900)  # after the theme
