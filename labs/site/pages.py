"""The text of the site's pages: README, notebooks, guide and cards, with links that hold there.

The pages stand as the files stand in the repository (labs/01_dark_knowledge.html, ...), so links
between them hold; a link to anything else of the repository goes to its address.
"""

import json
import os
import re
from collections.abc import Collection
from pathlib import Path

from templates import BADGE, read, repository

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
NOTE = re.compile(r"[ \t]*<!--.*?-->", re.S)  # remarks to the course's own tests
PAGES = {"README.md": "index.md"}
THESE = """## These pages

Every lab as it ran once, at its `smoke` budget: sliders move figures
that were drawn beforehand, and nothing here is fetched from a network. To train, type and
change the code, run a lab live: in Colab (the link at its top) or on your machine, as the
next part says. Symbols and terms: [glossary and notation](glossary.md)."""
SECTIONS = ("Two commands", "Budgets", "Other data", "Colab")  # of README, on the first page
LIVE = """
:::{{admonition}} Run it live
:class: note
These pages show what was recorded: sliders move figures that were drawn
beforehand, trainings and checks stand still. To train, type and change the code:
{colab}, or `labkit open {number}` on your machine ([set-up](../index.md)).
{times}
:::
"""


def linked(text: str, page: Path, root: Path, pages: Collection[Path]) -> str:
    """`text` of `page` with each relative link to a page kept, to a file made an address."""

    def new(match: re.Match[str]) -> str:
        mark, words, target = match.groups()
        name, _, part = target.partition("#")
        if ":" in target or not name:
            return match[0]
        there = Path(os.path.normpath(page.parent / name))
        there = root / PAGES.get(there.relative_to(root).as_posix(), there.relative_to(root))
        if there in pages or mark:
            near = Path(os.path.relpath(there, page.parent)).as_posix()
            return f"{mark}[{words}]({near}{'#' + part if part else ''})"
        return f"[{words}]({address(there, root)})"

    return LINK.sub(new, NOTE.sub("", text))


def address(path: Path, root: Path) -> str:
    """Where the repository shows a file or a folder."""
    kind = "blob" if path.suffix else "tree"
    return f"{repository(root)}/{kind}/main/{path.relative_to(root).as_posix()}"


def pictures(text: str, page: Path) -> list[Path]:
    """The files of the pictures that `page` shows."""
    found = [match[3] for match in LINK.finditer(text) if match[1] and ":" not in match[3]]
    return [Path(os.path.normpath(page.parent / name)) for name in found]


def live(text: str, notebook: Path, root: Path) -> str:
    """A first cell with the badge, whose picture would be fetched, made a note in words."""
    badge = re.search(rf"\[!\[[^\]]*\]\({re.escape(BADGE)}\)\]\((\S+)\)", text)
    if badge is None:
        return text
    colab, number = f"[open it in Colab]({badge[1]})", notebook.name[:2]
    said = LIVE.format(colab=colab, number=number, times=times(number, root))
    return text.replace(badge[0], said.strip())


def times(number: str, root: Path) -> str:
    """How long a lab takes, in a sentence; nothing if it was not timed."""
    record = json.loads(read(root / "data/reference/times.json"))
    took = record.get(f"lab{number}")
    if not took:
        return ""
    each = " and ".join(f"{seconds} s at `{budget}`" for budget, seconds in took.items())
    return f"The whole lab runs {each} on {record['cores']} CPU cores."


def home(root: Path) -> str:
    """The first page: parts of README, the labs with their times, and the tree of pages."""
    readme = read(root / "README.md")
    intro, *rest = re.split(r"^## ", readme, flags=re.M)
    parts = {part.split("\n", 1)[0]: part for part in rest}
    chosen = [f"## {parts[name]}" for name in SECTIONS if name in parts]
    return "\n\n".join([intro, f"## {timed(parts['The labs'], root)}", THESE, *chosen])


def timed(section: str, root: Path) -> str:
    """README's table of labs with the labs' times in place of its last column."""
    record = json.loads(read(root / "data/reference/times.json"))
    lines = []
    for line in section.splitlines():
        number = re.match(r"\| \[?(\d\d) ", line)
        took = record.get(f"lab{number[1]}") if number else None
        cells = line.split("|")
        if line.startswith("| lab "):
            cells[-2] = " `smoke` / `lecture` "
        elif took:
            cells[-2] = f" {took['smoke']} s / {took['lecture']} s "
        lines.append("|".join(cells))
    return "\n".join(lines)


def tree(caption: str, pages: Collection[Path], source: Path) -> str:
    """A hidden table of contents, which the side bar shows."""
    names = [page.relative_to(source).with_suffix("").as_posix() for page in pages]
    listed = "\n".join(names)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n" if names else ""
