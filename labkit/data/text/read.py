"""Readers of labelled sentences: two files, one a class; or one file, a label on every line."""

import codecs
from collections.abc import Sequence
from itertools import product
from os import PathLike
from pathlib import Path

import torch

from labkit.data.text.sentences import Sentences
from labkit.errors import unknown

SEPARATORS = {"tab": "\t", "comma": ",", "space": " "}
ENDS = ("first", "last")
MOST_CLASSES = 100  # more different "labels" than this are words of the sentences
SENTENCES_A_LABEL = 5  # fewer on average, and only whole numbers are recognised as labels
Line = tuple[int, str]  # its number, from 1, and its text
Labelled = list[tuple[str, str]]  # label, sentence


def read_polarity(
    negative_path: str | PathLike[str],
    positive_path: str | PathLike[str],
    *,
    encoding: str = "utf-8",
) -> Sentences:
    """Sentences of two files, one a line: label 0 from the first file, 1 from the second.

    Blank lines are left out, runs of spaces become one. Repeated sentences are kept: `notes`
    counts them ("repeated"), those with both labels ("in several classes") and blank lines.
    FileNotFoundError for a missing file; ValueError for an empty one, one path given twice, or
    bytes that are not of the encoding, with file and line.
    """
    paths = Path(negative_path), Path(positive_path)
    if paths[0].resolve() == paths[1].resolve():
        raise ValueError(f"negative_path and positive_path are the same file: {paths[0]}")
    blank, rows = 0, []
    for path, label in zip(paths, ("negative", "positive"), strict=True):
        lines, empty = _lines(path, encoding)
        rows += [(label, text) for _, text in lines]
        blank += empty
    return _sentences(rows, {"blank": blank})


def read_labelled(
    path: str | PathLike[str],
    *,
    label: str | None = None,
    separator: str | None = None,
    header: bool = False,
    encoding: str = "utf-8",
) -> Sentences:
    """Sentences of one file, one a line with its label: "1 good film", or "good film<tab>1".

    `label` ("first" or "last") and `separator` ("tab", "comma" or "space") say how; what is not
    said is recognised, and `notes` tells what was taken. `header` leaves out the first line.
    Quotation marks around a part of a comma-separated line are taken off.
    Labels that are whole numbers are put in numeric order, others in alphabetical order.
    Blank lines, repetitions and errors as in `read_polarity`; ValueError too if a line cannot be
    cut in two, if there is only one class, or if two ways of reading the file fit equally well.
    """
    path = Path(path)
    lines, blank = _lines(path, encoding)
    if header and len(lines) == 1:
        raise ValueError(f"{path} has no sentence after its heading")
    lines = lines[1:] if header else lines
    separators = _choices("separator", separator, tuple(SEPARATORS))
    ends = _choices("label", label, ENDS)
    if len(separators) == len(ends) == 1:
        separator, label = separators[0], ends[0]
    else:
        separator, label = _recognised(path, lines, separators, ends)
    rows = [_cut_or_say(path, line, separator, label) for line in lines]
    _check_classes(path, rows)
    return _sentences(rows, {"blank": blank, "separator": separator, "label": label})


def _lines(path: Path, encoding: str) -> tuple[list[Line], int]:
    """Lines with something on them, and how many have nothing."""
    numbered = enumerate(_text(path, encoding).split("\n"), start=1)
    lines = [(number, line.strip("\r ")) for number, line in numbered]
    full = [(number, line) for number, line in lines if line.strip()]
    if not full:
        raise ValueError(f"{path} holds no sentence: expected one a line")
    last_is_blank = not lines[-1][1]  # what follows the last line's end is no line
    return full, len(lines) - len(full) - last_is_blank


def _text(path: Path, encoding: str) -> str:
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {what}: give the path of a text file")
    try:
        known = codecs.lookup(encoding).name
    except LookupError:
        raise ValueError(f"encoding {encoding!r} is unknown: try 'utf-8' or 'latin-1'") from None
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig" if known == "utf-8" else known)  # -sig drops a BOM
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not {encoding}. Save the "
            "file as UTF-8, or name its encoding, for instance encoding='latin-1'."
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _choices(what: str, name: str | None, choices: tuple[str, ...]) -> tuple[str, ...]:
    if name is None:
        return choices
    if name not in choices:
        raise unknown(what, name, choices)
    return (name,)


def _recognised(
    path: Path, lines: Sequence[Line], separators: Sequence[str], ends: Sequence[str]
) -> tuple[str, str]:
    """The separator and end that give the most label-like labels; ValueError if none or two do."""
    if "tab" in separators and any("\t" in text for _, text in lines):
        separators = ("tab",)  # sentences have commas and spaces, but hardly a tab
    found = []
    for separator, end in product(separators, ends):
        rank = _rank([_cut(text, separator, end) for _, text in lines])
        if rank is not None:
            found.append((*rank, list(SEPARATORS).index(separator), separator, end))
    found.sort()
    if found and (len(found) == 1 or found[0][:3] < found[1][:3]):
        return found[0][3], found[0][4]
    if not found and len(separators) == 1:
        for line in lines:
            _cut_or_say(path, line, separators[0], ends[0])
    raise ValueError(
        f"{path}: {'several ways fit' if found else 'no way fits every line'} to tell label from "
        f"sentence. Say label='first' or 'last', separator={' or '.join(map(repr, SEPARATORS))}, "
        f"and header=True if the first line is a heading. It is {lines[0][1][:60]!r}."
    )


def _rank(rows: Sequence[tuple[str, str] | None]) -> tuple[bool, int] | None:
    """Worse labels have a greater rank; None if they are none: words of sentences, more likely."""
    labels = {row[0] for row in rows if row}
    if not all(rows) or not 2 <= len(labels) <= MOST_CLASSES:
        return None
    numeric = _all_whole(labels)
    if not numeric and len(labels) * SENTENCES_A_LABEL > len(rows):
        return None
    return not numeric, len(labels)


def _cut(text: str, separator: str, end: str) -> tuple[str, str] | None:
    """Label and sentence, None if either is empty; only commas come with quotation marks."""
    mark = SEPARATORS[separator]
    head, _, tail = text.partition(mark) if end == "first" else text.rpartition(mark)
    label, sentence = (head, tail) if end == "first" else (tail, head)
    label, sentence = label.strip(), sentence.strip()
    if separator == "comma":
        label, sentence = _unquoted(label), _unquoted(sentence)
    return (label, sentence) if label and sentence else None


def _unquoted(text: str) -> str:
    """`text` without the marks around it, if those inside are doubled as such files double them."""
    inside = text[1:-1]
    if len(text) < 2 or not text[0] == text[-1] == '"' or '"' in inside.replace('""', ""):
        return text
    return inside.replace('""', '"').strip()


def _cut_or_say(path: Path, line: Line, separator: str, end: str) -> tuple[str, str]:
    row = _cut(line[1], separator, end)
    if row is None:
        raise ValueError(
            f"{path}, line {line[0]}: no {separator} with a sentence and a label ({end}) on its "
            f"two sides, got {line[1][:60]!r}"
        )
    return row


def _check_classes(path: Path, rows: Labelled) -> None:
    labels = [label for label, _ in rows]
    if len(set(labels)) < 2:
        raise ValueError(f"{path} has only the label {labels[0]!r}: two classes are needed")
    if not _all_whole(labels[:1]) and _all_whole(labels[1:]):
        raise ValueError(
            f"{path}: the first label is {labels[0]!r}, all others are whole numbers. If that line "
            "is a heading, pass header=True"
        )


def _all_whole(labels: Sequence[str] | set[str]) -> bool:
    return all(label.removeprefix("-").isdecimal() for label in labels)


def _sentences(rows: Labelled, notes: dict[str, int | str]) -> Sentences:
    names = {label for label, _ in rows}
    ordered = sorted(names, key=int) if _all_whole(names) else sorted(names)
    number = {name: place for place, name in enumerate(ordered)}
    texts = [" ".join(text.split()) for _, text in rows]
    different = {(label, text) for (label, _), text in zip(rows, texts, strict=True)}
    notes["repeated"] = len(texts) - len(set(texts))
    notes["in several classes"] = len(different) - len(set(texts))
    labels = torch.tensor([number[label] for label, _ in rows])
    return Sentences(texts, labels, tuple(ordered), notes=notes)
