"""The card as one page to print: no script, no link, nothing from elsewhere."""

from collections.abc import Iterable, Sequence
from html import escape

from labkit.progress.card import HEADS, NOT_PROVED, Card, of
from labkit.progress.chain import Entry

STYLE = """@page { size: A4; margin: 18mm }
body { font: 10pt/1.4 sans-serif; color: #111; max-width: 174mm; margin: 1em auto }
h1 { font-size: 16pt } h2 { font-size: 12pt; margin-bottom: 2mm; break-after: avoid }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #999; padding: 1mm 2mm; text-align: left; vertical-align: top }
tr { break-inside: avoid } .broken { border: 2px solid #000; padding: 2mm; font-weight: bold }"""


def page(card: Card) -> str:
    """The whole document; every value of the lines is escaped."""
    state = ' class="broken"' if card.broken is not None else ""
    parts = [
        "<h1>Progress card</h1>",
        "<p>Name (by hand): ______________________________ Date: ______________</p>",
        f"<p{state}>{escape(card.verdict)}</p>",
        _table(HEADS, (row.cells() for row in card.rows)),
        "<h2>What this card does not prove</h2>",
        "<ul>" + "".join(f"<li>{escape(each)}</li>" for each in NOT_PROVED) + "</ul>",
        *(_lab(row.lab, card.entries) for row in card.rows),
    ]
    head = f'<meta charset="utf-8"><title>Progress card</title><style>{STYLE}</style>'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _lab(lab: str, entries: list[Entry]) -> str:
    """What was done in one lab, kind by kind."""
    checks, guesses = of(entries, lab, "check"), of(entries, lab, "prediction")
    guesses = guesses + of(entries, lab, "choice")
    runs = of(entries, lab, "run")
    return "\n".join(
        [
            f"<h2>{escape(f'Lab {lab}' if lab else 'Elsewhere')}</h2>",
            _table(("exercise", "passed", "tries before", "mistakes named"), _checks(checks)),
            _table(
                ("prediction", "guess", "answer", "error", "attempt", "locked in"),
                (_guess(entry) for entry in sorted(guesses, key=lambda e: e["time"])),
            ),
            _table(
                ("run", "network", "test accuracy", "knobs moved", "record", "finished"),
                (_run(entry) for entry in runs),
            ),
        ]
    )


def _checks(entries: list[Entry]) -> Iterable[tuple[str, ...]]:
    """One row an exercise: when it was first passed, after how many wrong answers, and which."""
    for name in dict.fromkeys(entry["name"] for entry in entries):
        tries = [entry for entry in entries if entry["name"] == name]
        passed = next((n for n, entry in enumerate(tries) if entry["passed"]), None)
        before = tries[:passed]
        mistakes = dict.fromkeys(entry["mistake"] for entry in before if entry["mistake"])
        when = "not yet" if passed is None else _when(tries[passed])
        yield name, when, str(len(before)), " / ".join(mistakes)


def _guess(entry: Entry) -> tuple[str, ...]:
    unit = entry.get("unit", "")
    if entry["kind"] == "choice":
        values = (entry["guess"], entry["answer"], "right" if entry["right"] else "wrong")
    else:
        off = f"{entry['guess'] - entry['answer']:+,.4g} {unit} ({entry['off']:.0%} of the range)"
        values = (f"{entry['guess']:,.4g} {unit}", f"{entry['answer']:,.4g} {unit}", off)
    return (entry["name"], *values, str(entry["attempt"]), _when(entry))


def _run(entry: Entry) -> tuple[str, ...]:
    accuracy = entry["test_accuracy"]
    right = "-" if accuracy is None else f"{accuracy:.1%}"
    moved = str(entry["knob_changes"])
    return entry["name"], entry["network"], right, moved, entry["record"][:12], _when(entry)


def _when(entry: Entry) -> str:
    return entry["time"].replace("T", " ")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, or nothing where there are no rows."""
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heads)
    body = "".join(f"<tr>{line}</tr>\n" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>" if lines else ""
