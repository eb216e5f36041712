"""Lab 08: three invented tables with one flaw each, and why it is not another one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.errors import unknown
from labkit.exercises.check import Answer, Exercise

FLAWS = {
    "best epoch": "the test pictures chose the epoch that one method prints",
    "settings on test": "the test pictures chose the settings of one method",
    "epochs": "one method was trained longer",
    "copied baseline": "the baseline's number was taken from elsewhere",
    "one seed": "the spread is not known",
    "teacher": "the methods had different teachers",
    "student": "the methods had different students",
    "augmentation": "the methods saw their pictures in different variants",
    "no flaw": "the methods may be compared as they stand",
}
LINES = {  # where a flaw would stand: key -> line of a table
    "settings on test": "settings tried",
    "epochs": "epochs",
    "copied baseline": "source",
    "one seed": "seeds",
    "teacher": "teacher",
    "student": "student",
    "augmentation": "training pictures",
}


@dataclass(frozen=True)
class Table:
    """An invented comparison of KD with a new method: line -> what either column says."""

    name: str
    lines: Mapping[str, tuple[str, str]]

    def _repr_markdown_(self) -> str:
        head = f"**Table {self.name}** (invented)\n\n| | KD | new method |\n|---|---|---|\n"
        return head + "\n".join(f"| {line} | {a} | {b} |" for line, (a, b) in self.lines.items())

    __repr__ = _repr_markdown_


@dataclass(frozen=True)
class Tables:
    """All tables, and the flaws to choose from."""

    each: tuple[Table, ...]

    def _repr_markdown_(self) -> str:
        choices = "\n".join(f'- `"{key}"`: {what}' for key, what in FLAWS.items())
        shown = "\n\n".join(map(repr, self.each))
        return f"{shown}\n\nThe flaws to choose from:\n\n{choices}"

    __repr__ = _repr_markdown_


def _table(name: str, curves: tuple[str, str], printed: tuple[str, str], **other: Any) -> Table:
    recipe = {
        "source": "trained for this table",
        "teacher": "resnet56, 72.3 %",
        "student": "resnet20, 69.1 % by itself",
        "training pictures": "50,000, shifted and mirrored",
        "epochs": "240",
        "settings tried": "12, on validation pictures",
        "seeds": "5",
    }
    lines = {line: (value, value) for line, value in recipe.items()}
    measured = {
        "test accuracy at the last five evaluations, %": curves,
        "printed, %": printed,
    }
    return Table(name, lines | {k.replace("_", " "): v for k, v in other.items()} | measured)


TABLES = {
    "A": _table(
        "A",
        ("70.4, 70.9, 71.2, 70.8, 70.7", "70.3, 70.8, 71.3, 70.5, 70.6"),
        ("70.7 ± 0.2", "71.3 ± 0.2"),
    ),
    "B": _table(
        "B",
        ("70.2, 70.5, 70.8, 70.6, 70.7", "71.2, 71.5, 71.4, 71.7, 71.6"),
        ("70.7 ± 0.2", "71.6 ± 0.2"),
        source=("copied, with its curve, from an earlier paper", "trained for this table"),
        epochs=("240", "480"),
    ),
    "C": _table(
        "C",
        ("70.3, 70.6, 70.8, 70.6, 70.7", "70.8, 71.1, 71.3, 71.0, 71.2"),
        ("70.7 ± 0.2", "71.2 ± 0.2"),
        settings_tried=("12, on validation pictures", "12, on test pictures"),
    ),
}


def tables() -> Tables:
    """The three tables, for a notebook to show."""
    return Tables(tuple(TABLES.values()))


HINTS = {
    "A": "Where in its curve does each printed number stand?",
    "B": "Which line of the recipe differs, and what would it do by itself?",
    "C": "What were the test pictures used for?",
}
SPECIAL = {  # (table, wrong choice) -> why, where the line alone does not say it
    ("A", "no flaw"): "no: compare last epoch with last epoch, and little is left.",
    ("B", "no flaw"): "no: one column had an advantage that has nothing to do with the method.",
    ("B", "copied baseline"): "nearly: copied it is, but a copied number is as good as its recipe. "
    "Had that been the same, the table would be fair.",
    ("C", "no flaw"): "no: the pictures that judge one of the columns have helped to make it.",
}


def _why_not(table: Table, choice: str) -> str:
    """Why `choice` is not this table's flaw, and where to look."""
    if (table.name, choice) in SPECIAL:
        return f"{SPECIAL[table.name, choice]} {HINTS[table.name]}"
    if choice == "best epoch":
        ours, theirs = table.lines["printed, %"]
        return (
            f"both print the last number of their curve, {ours} and {theirs}. {HINTS[table.name]}"
        )
    value, _ = table.lines[LINES[choice]]
    said = f"not {choice!r}: the line {LINES[choice]!r} says the same in both columns, {value}."
    return f"{said} {HINTS[table.name]}"


def _always(choice: str) -> Answer:
    return lambda name: choice


def _choice(got: Any, expected: str) -> str | None:
    if got == expected:
        return None
    if not isinstance(got, str):
        return f"expected the name of a flaw in quotes, got {type(got).__name__}."
    return str(unknown("flaw", got, FLAWS))


def _find(name: str, key: str, praise: str) -> Exercise:
    wrong = [choice for choice in FLAWS if choice != key]
    reasons = {_why_not(TABLES[name], choice): _always(choice) for choice in wrong}
    return Exercise(
        f"the flaw of table {name}", _always(key), lambda: [(name,)], reasons, praise, _choice
    )


flaw = {
    "A": _find(
        "A",
        "best epoch",
        "correct: KD prints its last epoch, the new method its best one. Last against last it is "
        "70.7 and 70.6 %, best against best 71.2 and 71.3 %.",
    ),
    "B": _find(
        "B",
        "epochs",
        "correct: 480 epochs against 240, which a copied number hides. What the method did, and "
        "what longer training did, nobody can tell: KD needs 480 epochs, too.",
    ),
    "C": _find(
        "C",
        "settings on test",
        "correct: by luck alone, the best of 12 equally good settings stands 1.6 standard "
        "deviations above their mean. Choose on validation pictures, as KD's column did.",
    ),
}
