"""Print the course: a static site of every lab, in build/site.

    python labs/site/build_site.py        all labs
    python labs/site/build_site.py 01     only these, by number or name

Each lab's notebook (the student's, exercises unsolved) runs once at its `smoke` budget with
panels that record their settings; what it gave is kept in build/site-labs until the lab, labkit
or a record changes. The pages need no server, no network and no kernel.
"""

import argparse
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import nbformat
import plotly
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # as a program, and where the tests import it

import links
import pages
from build import build, masters, notebooks_of, tags
from templates import BuildError, fill, read

ROOT = HERE.parents[1]
MOST = 20e6  # bytes of the whole site
PANELS = "from labkit.widgets import still\n\nstill.install()"
WATCHED = ("labkit/**/*.py", "labs/*.py", "labs/site/build_site.py", "data/reference/*.json")
CARDS = {"Data": "data/cards", "For the instructor": "labs/guide"}
OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)")
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def digest(master: Path, root: Path) -> str:
    """Changes with all that a lab's outputs come from."""
    seen = hashlib.sha256()
    for path in [master, *(path for pattern in WATCHED for path in sorted(root.glob(pattern)))]:
        seen.update(path.relative_to(root).as_posix().encode())
        seen.update(path.read_bytes())
    return seen.hexdigest()


def executed(master: Path, root: Path) -> NotebookNode:
    """The student's notebook with outputs: from build/site-labs, or run now."""
    kept, now = root / f"build/site-labs/{master.stem}.ipynb", digest(master, root)
    if kept.exists():
        notebook = nbformat.read(kept, as_version=4)
        if notebook.metadata.get("digest") == now:
            return notebook
    print(f"{master.stem}: running ...", flush=True)
    began = time.monotonic()
    notebook = run(build(master, notebooks_of(master, root)[0], root), root)
    notebook.metadata["digest"] = now
    kept.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, kept)
    print(f"{master.stem}: {time.monotonic() - began:.0f} s", flush=True)
    return notebook


def run(notebook: NotebookNode, root: Path) -> NotebookNode:
    """Run it from labs/ with printed panels; checks are left alone: nothing is solved yet."""
    os.environ |= {"OMP_NUM_THREADS": "1", "LABKIT_PROGRESS": "off"}
    notebook.cells.insert(0, new_code_cell(PANELS))
    place = {"metadata": {"path": str(root / "labs")}}
    client = NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources=place, store_widget_state=False,
        skip_cells_with_tag="check",
    )  # fmt: skip
    try:
        client.execute()
    except CellExecutionError as error:
        raise BuildError(f"{notebook.metadata.labkit.master}: {error}") from None
    del notebook.cells[0]
    for cell in notebook.cells:
        if "bootstrap" in tags(cell):
            cell.metadata["tags"].append("remove-cell")
        for output in cell.get("outputs", []):
            if output.output_type == "stream":  # a progress line keeps its last state only
                output["text"] = OVERWRITTEN.sub("", output.text)
    return notebook


def write(source: Path, root: Path, names: Sequence[str] = ()) -> None:
    """Every page as Sphinx wants it, in the folder `source`."""
    labs = {notebooks_of(master, root)[0]: master for master in masters(root, names)}
    cards = {name: in_order((root / home).glob("*.md")) for name, home in CARDS.items()}
    texts = [path for group in cards.values() for path in group]
    site = [*labs, *texts, root / "index.md", root / "glossary.md"]
    for notebook, master in labs.items():
        node = executed(master, root)
        for cell in node.cells:
            if cell.cell_type == "markdown":
                said = pages.live(cell.source, notebook, root)
                cell["source"] = pages.linked(said, notebook, root, site)
        put(source / notebook.relative_to(root), nbformat.writes(node))
    groups = {"Labs": [*labs], "Look up": [root / "glossary.md"], **cards}
    trees = "".join(pages.tree(name, group, root) for name, group in groups.items())
    written = {path: read(path) for path in texts}
    written[root / "index.md"] = pages.home(root)
    written[root / "glossary.md"] = read(HERE / "glossary.md")
    for page, text in written.items():
        for picture in pages.pictures(text, page):
            put(source / picture.relative_to(root), picture.read_bytes())
        full = pages.linked(fill(text, root, page), page, root, site)
        put(source / page.relative_to(root), full + (trees if page.name == "index.md" else ""))


def in_order(files: Iterable[Path]) -> list[Path]:
    """By name, but what is to be read first comes first."""
    return sorted(files, key=lambda file: (file.name != "README.md", file.name))


def put(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def printed(source: Path, site: Path) -> None:
    """Let Sphinx make `site` of the pages in `source`; BuildError if it complains."""
    from sphinx.cmd.build import build_main

    static = source / "_static"
    for file in (HERE / "still.js", HERE / "still.css", PLOTLY):
        put(static / file.name, file.read_bytes())
    shutil.rmtree(site, ignore_errors=True)
    where = ["-c", str(HERE), "-d", str(source.parent / "site-doctrees"), str(source), str(site)]
    if build_main(["-q", "-W", "--keep-going", "-D", f"html_static_path={static}", *where]):
        raise BuildError("Sphinx found something wrong; its lines are above")


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command line; exit status 0, or 1 with a line for each thing wrong."""
    parser = argparse.ArgumentParser(description="Print the course into build/site.")
    parser.add_argument("names", nargs="*", help="labs, by number or name; all if left out")
    options = parser.parse_args(arguments)
    source, site = root / "build/site-source", root / "build/site"
    shutil.rmtree(source, ignore_errors=True)
    try:
        write(source, root, options.names)
        printed(source, site)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    wrong = links.broken(site)
    size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
    if size > MOST:
        wrong.append(f"the site has {size / 1e6:.1f} MB, more than {MOST / 1e6:.0f}")
    print("\n".join([*wrong, f"{site}/index.html: {size / 1e6:.1f} MB"]))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
