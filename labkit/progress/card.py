"""The card: what the lines add up to, lab by lab, and what they do not prove."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from labkit.progress.chain import Entry, broken, stamp

NOT_PROVED = (
    "who did it: no name is kept, and whoever sat at the notebook made these lines;",
    "that nobody helped, or that the solved notebook did not lie beside it;",
    "that a prediction was made without knowing the answer: it shows only that it was locked in "
    "before this cell showed it (and a repeated one knew it, so only first ones are averaged);",
    "that the file is the first one: its chain of hashes shows a line changed, put in or taken "
    "out in the middle, but not lines cut off at the end, nor a file made anew from the start;",
    "when it was: times are what this machine's clock said.",
)
HEADS = ("lab", "checks passed", "predictions, mean error", "choices right", "runs")


@dataclass(frozen=True)
class Row:
    """One lab. off is the mean error of first predictions as a share of the range asked about.

    off is None without predictions; repeated counts predictions and choices after the first ones.
    """

    lab: str
    passed: int
    exercises: int
    predictions: int
    off: float | None
    choices: int
    right: int
    repeated: int
    runs: int

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of HEADS."""
        guessed = "-" if self.off is None else f"{self.predictions}, {self.off:.0%} of the range"
        again = f" (+{self.repeated} repeated)" if self.repeated else ""
        chosen = f"{self.right} of {self.choices}" if self.choices else "-"
        checks = f"{self.passed} of {self.exercises}" if self.exercises else "-"
        return (self.lab or "other", checks, guessed + again, chosen, str(self.runs or "-"))


@dataclass(frozen=True)
class Card:
    """All lines, their rows, and the first line that does not fit the chain with its number."""

    entries: list[Entry]
    rows: list[Row]
    broken: Entry | None
    line: int

    @property
    def verdict(self) -> str:
        """One sentence: whether the chain is whole, and the stamp it ends with."""
        if self.broken is not None:
            return (
                f"BROKEN: line {self.line} ({described(self.broken)}) does not fit the chain. It, "
                "or what stood before it, was changed after it was written."
            )
        if not self.entries:
            return "No lines yet."
        return (
            f"The chain of its {len(self.entries)} lines is whole; stamp {stamp(self.entries)}. "
            "A later card of the same learner must contain the line with this stamp."
        )

    @property
    def data(self) -> dict[str, Any]:
        """The card as plain JSON."""
        return {
            "whole": self.broken is None,
            "broken_line": self.line or None,
            "stamp": stamp(self.entries),
            "labs": [asdict(row) for row in self.rows],
            "lines": self.entries,
            "not_proved": list(NOT_PROVED),
        }

    def __str__(self) -> str:
        table = [HEADS, *(row.cells() for row in self.rows)] if self.rows else []
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        proves = ["What this card does not prove:", *(f"- {each}" for each in NOT_PROVED)]
        return "\n".join([self.verdict, "", *lines, *([""] if lines else []), *proves])


def card(entries: list[Entry], exercises: Mapping[str, Iterable[str]]) -> Card:
    """Add up the lines; `exercises` names all there are, by lab: {"01": ["the gradient", ...]}."""
    first = broken(entries)
    line = 0 if first is None else 1 + next(n for n, e in enumerate(entries) if e is first)
    touched = {entry["lab"] for entry in entries if "lab" in entry}
    labs = sorted(touched, key=lambda lab: (not lab, lab))  # what belongs to no lab comes last
    return Card(
        entries,
        [_row(lab, entries, list(exercises.get(lab, ()))) for lab in labs],
        first,
        line,
    )


def described(entry: Entry) -> str:
    """An entry in a few words, for a reader who looks for it."""
    if "damaged" in entry:
        return "damaged"
    return f"{entry['time']}, {entry['kind']} {entry['name']!r}"


def of(entries: Iterable[Entry], lab: str, kind: str) -> list[Entry]:
    """The entries of one kind in one lab."""
    return [e for e in entries if e.get("lab") == lab and e.get("kind") == kind]


def _row(lab: str, entries: list[Entry], exercises: list[str]) -> Row:
    passed = {e["name"] for e in of(entries, lab, "check") if e["passed"]}
    guesses, choices = of(entries, lab, "prediction"), of(entries, lab, "choice")
    first, chosen = _firsts(guesses), _firsts(choices)
    return Row(
        lab,
        len(passed & set(exercises)),
        len(exercises),
        len(first),
        math.fsum(e["off"] for e in first) / len(first) if first else None,
        len(chosen),
        sum(e["right"] for e in chosen),
        len(guesses) - len(first) + len(choices) - len(chosen),
        len(of(entries, lab, "run")),
    )


def _firsts(entries: list[Entry]) -> list[Entry]:
    """The first entry of each name that is not a repetition."""
    found = {e["name"]: e for e in reversed(entries) if e["attempt"] == 1}
    return list(found.values())
