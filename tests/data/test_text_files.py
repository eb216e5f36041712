"""Files of sentences: read as they are meant, counted, divided; or refused with file and line."""

from pathlib import Path

import pytest
import torch

from labkit.data import text


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def polarity(folder: Path, negative: str | bytes, positive: str | bytes) -> text.Sentences:
    return text.read_polarity(write(folder, "rt.neg", negative), write(folder, "rt.pos", positive))


def test_two_files_make_two_classes(tmp_path):
    read = polarity(tmp_path, "dull .\n  a   bad film\n", "good\nfunny , really")
    assert read.texts == ["dull .", "a bad film", "good", "funny , really"]
    assert read.labels.dtype == torch.int64 and read.labels.tolist() == [0, 0, 1, 1]
    assert read.class_names == ("negative", "positive")
    assert read.kind is None and read.places is None and not read.interactions
    assert read.notes == {"blank": 0, "repeated": 0, "in several classes": 0}


def test_byte_order_mark_line_ends_and_odd_separators(tmp_path):
    read = polarity(
        tmp_path, b"\xef\xbb\xbfdull\r\n\r\nbad\r\n", "one\u2028line \u0085 café\r\ruff"
    )
    assert read.texts == ["dull", "bad", "one line café", "uff"]
    assert read.notes["blank"] == 2


def test_repeated_sentences_are_kept_and_counted(tmp_path):
    read = polarity(tmp_path, "so so\nbad\nbad\n", "so so\ngood\n")
    assert len(read) == 5
    assert read.notes == {"blank": 0, "repeated": 2, "in several classes": 1}


def test_other_encodings_are_named_with_file_and_line(tmp_path):
    content = "gut\nsch\xf6n\n".encode("latin-1")
    with pytest.raises(ValueError, match=r"rt.pos, line 2: byte 0xf6 is not utf-8.*latin-1"):
        polarity(tmp_path, "bad", content)
    read = text.read_polarity(tmp_path / "rt.neg", tmp_path / "rt.pos", encoding="latin-1")
    assert read.texts == ["bad", "gut", "sch\xf6n"]
    with pytest.raises(ValueError, match="line 1: byte 0xff"):
        polarity(tmp_path, "bad\n".encode("utf-16"), "good")
    with pytest.raises(ValueError, match="encoding 'utf-9' is unknown"):
        text.read_polarity(tmp_path / "rt.neg", tmp_path / "rt.pos", encoding="utf-9")


def test_missing_empty_and_equal_files_are_refused(tmp_path):
    good = write(tmp_path, "good", "good\n")
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        text.read_polarity(tmp_path / "nowhere", good)
    with pytest.raises(FileNotFoundError, match="is a folder"):
        text.read_polarity(tmp_path, good)
    for empty in ("", "\n \n\t\r\n"):
        with pytest.raises(ValueError, match="empty holds no sentence"):
            text.read_polarity(write(tmp_path, "empty", empty), good)
    with pytest.raises(ValueError, match="the same file"):
        text.read_polarity(good, str(good))


@pytest.mark.parametrize(
    "content, separator, label, first",
    [
        ("1 good film\n0 a bad film\n", "space", "first", "good film"),
        ("good film\t1\na bad one\t0\n", "tab", "last", "good film"),
        ("1\tgood, film\n0\tbad, film\n", "tab", "first", "good, film"),
        ("1,good, film\n0,bad, film\n", "comma", "first", "good, film"),
        ("good, film,1\nbad film,0\n", "comma", "last", "good, film"),
        ('1,"a ""good"" film"\n0,bad\n', "comma", "first", 'a "good" film'),
        ("pos a film\n" * 5 + "neg the plot\npos the cast\n" * 5, "space", "first", "a film"),
        ("DESC:manner how ?\n" * 5 + "ENTY:animal what ?\n" * 5, "space", "first", "how ?"),
    ],
)
def test_separator_and_place_of_the_label_are_recognised(
    tmp_path, content, separator, label, first
):
    path = write(tmp_path, "file.txt", content)
    read = text.read_labelled(path)
    assert (read.notes["separator"], read.notes["label"]) == (separator, label)
    assert read.texts[0] == first and len(read.class_names) == 2
    said = text.read_labelled(path, separator=separator, label=label)
    assert said.texts == read.texts and torch.equal(said.labels, read.labels)


def test_whole_numbers_are_put_in_order_and_names_in_the_alphabet(tmp_path):
    read = text.read_labelled(write(tmp_path, "a", "10 ten\n2 two\n-1 less\n2 pair\n"))
    assert read.class_names == ("-1", "2", "10") and read.labels.tolist() == [2, 1, 0, 1]
    path = write(tmp_path, "b", "pos\tgood\nneg\tbad\n")
    read = text.read_labelled(path, separator="tab", label="first")
    assert read.class_names == ("neg", "pos") and read.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    "content, arguments, message",
    [
        ("good film\nbad plot\n", {}, "no way fits every line"),
        ("a\tb\n" * 5 + "c\td\n" * 5, {}, "several ways fit"),
        ("1\tgood\n0\tbad\nbroken line\n", {}, "line 3: no tab"),
        ("1\tgood\n0\tbad\n1\t\n", {}, "line 3: no tab with a sentence"),
        ("1 good\n\nword\n", {"separator": "space", "label": "first"}, "line 3: no space"),
        ("1 good\n1 fine\n", {"separator": "space", "label": "first"}, "only the label '1'"),
        ("label,text\n1,a\n0,b\n", {"separator": "comma", "label": "first"}, "header=True"),
        ("label,text\n", {"header": True, "separator": "comma", "label": "first"}, "no sentence"),
        ("label,text\n", {"header": True}, "no sentence"),
        ("1 good\n", {"separator": "semicolon"}, "unknown separator 'semicolon'"),
        ("1 good\n", {"label": "middle"}, "unknown label 'middle'"),
        ("\n", {}, "holds no sentence"),
    ],
)
def test_files_that_cannot_be_read_one_way_are_refused(tmp_path, content, arguments, message):
    with pytest.raises(ValueError, match=message):
        text.read_labelled(write(tmp_path, "file.csv", content), **arguments)


def test_quotation_marks_are_taken_off_where_commas_separate_and_nowhere_else(tmp_path):
    lines = ['"a film"', '"a "" film"', '"a" or "b"', '"']
    for mark, expected in ((",", ["a film", 'a " film', '"a" or "b"', '"']), ("\t", lines)):
        content = "\n".join(f"{place % 2}{mark}{line}" for place, line in enumerate(lines))
        assert text.read_labelled(write(tmp_path, "file", content)).texts == expected


def test_a_heading_can_be_left_out(tmp_path):
    path = write(tmp_path, "file.csv", "text,label\na film,1\nanother,0\n")
    read = text.read_labelled(path, header=True)
    assert read.texts == ["a film", "another"] and read.class_names == ("0", "1")


def test_equal_sentences_stay_in_one_split(tmp_path):
    numbers = [f"film {number % 30}" for number in range(90)]
    read = polarity(tmp_path, "\n".join(numbers), "\n".join(numbers[:5]) + "\nx\ny\nz\nu")
    parts = [set(part.texts) for part in read.divide(val=0.2, test=0.2).values()]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_division_needs_enough_of_each_class(tmp_path):
    read = polarity(tmp_path, "bad\nworse", "good\nbetter\nbest")
    with pytest.raises(ValueError, match="class 'negative' has 2 different sentences"):
        read.divide()
    parts = read.divide(val=0)
    assert [len(part) for part in parts.values()] == [3, 0, 2]
    with pytest.raises(ValueError, match=r"test must be between 0 and 0\.5, got 0\.7"):
        read.divide(test=0.7)
