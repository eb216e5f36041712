"""Count and draw what Motif-100's data card shows."""

import argparse
import json

from labkit.commands import Answer

EXAMPLES = """
  labkit card                                 into data/reference and data/cards
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def main(options: argparse.Namespace) -> Answer:
    from labkit.training import card
    from labkit.training.records import REFERENCE

    path = REFERENCE / "motif100-facts.json"
    path.write_text(json.dumps(card.facts(), indent=1) + "\n", encoding="utf-8")
    written = [str(place) for place in (path, *card.draw(REFERENCE.parent / "cards"))]
    return Answer("\n".join(f"wrote {place}" for place in written), {"written": written})
