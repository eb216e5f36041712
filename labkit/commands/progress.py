"""Show what was done on this machine, as a card for oneself or a teacher.

Checks passed, predictions with their error and runs by lab, and what the card does not prove.
The exit status is 1 if a line was changed after it was written.
"""

import argparse
from pathlib import Path

from labkit.commands import Answer

EXAMPLES = """
  labkit progress                             a table by lab
  labkit progress --html card.html            one page to print or hand in
  labkit progress handed-in/progress.jsonl    somebody else's lines
  labkit progress --record runs/mine.json     whether this exported run is on the card
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, help="a progress.jsonl; your own otherwise")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the card as a page, too")
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="look an exported record up among the runs"
    )


def main(options: argparse.Namespace) -> Answer:
    from labkit import progress
    from labkit.progress.card import card
    from labkit.progress.page import page

    path = options.file or progress.place()
    if options.file is not None and not path.is_file():
        raise OSError(f"there is no file {path}: name a progress.jsonl")
    made = card(progress.read(path), _exercises())
    text, data = str(made), made.data
    if not made.entries:
        text += f"\n\nNotebooks would add lines to {path}, unless LABKIT_PROGRESS is off."
    if options.record is not None:
        data["record"] = _looked_up(options.record, made.entries)
        said = "is on the card" if data["record"] else "is not on the card"
        text += f"\n\nThe record {options.record} {said}."
    if options.html is not None:
        options.html.write_text(page(made), encoding="utf-8")
        data["html"] = str(options.html)
        text += f"\n\nwrote {options.html}"
    return Answer(text, data, status=int(made.broken is not None))


def _exercises() -> dict[str, list[str]]:
    """Lab -> the names of all its exercises."""
    from labkit import exercises
    from labkit.exercises.check import exercises_of

    labs = {name[3:]: module for name, module in vars(exercises).items() if name.startswith("lab")}
    return {lab: [each.name for each in exercises_of(module)] for lab, module in labs.items()}


def _looked_up(record: Path, entries: list[dict]) -> list[str]:
    """When runs with this very record were noted."""
    import json

    from labkit import progress

    digest = progress.digest(json.loads(record.read_text(encoding="utf-8")))
    return [e["time"] for e in entries if e.get("kind") == "run" and e["record"] == digest]
