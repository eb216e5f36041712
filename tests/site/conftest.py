"""A course of one small lab, printed once, and a browser to look at it."""

import shutil
from pathlib import Path

import pytest

import build_site
from tests.browser.conftest import chromium  # noqa: F401  the fixture

COPIED = (
    *("README.md", "pyproject.toml", "labs/bootstrap.py", "labs/images/lab01.png"),
    *("data/reference/times.json", "labs/guide/README.md", "data/cards/motif100.md"),
    *(f"data/cards/motif100-{name}" for name in ("contact.jpg", "shapes.png", "classes.png")),
)
LAB = """\
# %% [markdown]
# # Lab 01 - Small
#
# {{colab_badge}}
#
# Half of $x$ is $\\frac{x}{2}$; see the [guide](guide/README.md), [code](../labkit/cli.py).
#
# $$L = \\sum_{i=1}^{C} p_i \\log \\frac{p_i}{q_i}$$

# %% tags=["bootstrap"]

# %%
import ipywidgets
import numpy as np

from labkit import figures, widgets

print("a third\\rhalf\\rdone")


def wave(size, shift=0, colour="blue", grid=True, word="", clock=0):
    if size == 3 and colour == "green":
        raise ValueError("no green of size 3")
    line = figures.style.line(0, x=np.arange(50.0), y=size * np.sin(np.arange(50) / 5 + shift))
    line["line"]["color"] = colour
    said = f"A {colour} wave of size {size}."
    return figures.style.figure([line], caption=said, y={"range": [-9, 9]})


widgets.explore(
    wave, name="wave", size=widgets.slider("size", 2, 1, 5, 1),
    colour=widgets.choice("colour", "blue", ["blue", "green"]),
)

# %%
step = widgets.slider("shift", 0, 0, 60)
widgets.explore(
    wave, name="many", size=widgets.temperature(2.0), shift=step, grid=widgets.switch("grid", True),
    word=widgets.text("word", "hello"), clock=ipywidgets.Play(value=0, min=0, max=60, step=1),
)

# %%
widgets.explore(lambda: [wave(1), wave(2)], name="two")

# %%
again = widgets.explore(wave, name="again", size=widgets.slider("size", 2, 1, 2, 1))
again

# %%
again

# %%
band = {"accuracy": {"epoch": [1, 2], "mean": [0.1, 0.2], "std": [0.0, 0.1]}, "label": "five runs"}
widgets.TrainingPanel("train", lambda control: iter(()), knobs={}, reference=band)

# %%
widgets.predict("guess", "How many?", 6543.25, low=0, high=9000)

# %%
ipywidgets.Button(description="press")

# %% tags=["exercise"]
def mine(x):
    # BEGIN SOLUTION
    return x / 2
    # END SOLUTION

# %% tags=["check"]
assert mine(2) == 1
"""


@pytest.fixture(scope="session")
def course(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a repository with one lab."""
    here = tmp_path_factory.mktemp("course")
    for name in COPIED:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, here / name)
    master = here / "labs/source/01_small.py"
    master.parent.mkdir()
    master.write_text(LAB)
    return here


@pytest.fixture(scope="session")
def site(course: Path) -> Path:
    """Its pages, without a broken link and below the limit, or the build says so."""
    assert build_site.main([], root=course) == 0
    return course / "build/site"
