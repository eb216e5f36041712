"""Whether the site holds together: every link inside it leads somewhere, nothing is fetched."""

import os
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
QUIET = {"canonical", "next", "prev", "index", "search"}  # <link>s that no browser loads


class Page(HTMLParser):
    """A page's ids, its links, and what it loads."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if LOADS.get(tag) in found and found.get("rel") not in QUIET:
            self.loads.append(found[LOADS[tag]])


def broken(site: Path) -> list[str]:
    """A line for each link that leads nowhere, and each thing a page would fetch."""
    pages = {file: Page(file) for file in sorted(site.rglob("*.html"))}
    return [line for file in pages for line in _wrong(file, pages, site)]


def _wrong(file: Path, pages: dict[Path, Page], site: Path) -> Iterator[str]:
    name, page = file.relative_to(site).as_posix(), pages[file]
    for target in page.loads:
        if urlsplit(target).scheme not in ("", "data") or target.startswith("//"):
            yield f"{name}: loads {target}"
    for target in [*page.links, *page.loads]:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        there = Path(os.path.normpath(file.parent / unquote(parts.path))) if parts.path else file
        part = unquote(parts.fragment)
        if not there.exists():
            yield f"{name}: no {target}"
        elif part and there in pages and part not in pages[there].ids:
            yield f"{name}: no such part: {target}"
