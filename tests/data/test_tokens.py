"""Tokenizer: what goes in comes out again, and what cannot is said or marked unknown."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labkit.data import Tokenizer
from labkit.data.tokens import split

WORDS = ("a", "five-point", "star", ",", "left", "it's", "!")


def test_split_keeps_hyphens_and_apostrophes_and_cuts_off_marks():
    assert split("It's a Five-point star, (really)!") == [
        "it's", "a", "five-point", "star", ",", "(", "really", ")", "!",
    ]  # fmt: skip
    assert split("'quoted' rock-'n'-roll -- café  \n") == [
        "'", "quoted", "'", "rock", "-", "'", "n", "'", "-", "roll", "-", "-", "café",
    ]  # fmt: skip


def test_the_specials_come_first_and_a_vocabulary_gives_itself():
    words = Tokenizer(WORDS)
    assert words.words == ("<pad>", "<unk>", *WORDS) and len(words) == 9
    assert Tokenizer(words.words).words == words.words
    assert [words.number(word) for word in words.words[1:]] == list(range(1, 9))


def test_encode_pads_cuts_and_marks_what_is_unknown():
    words = Tokenizer(WORDS)
    tokens = words.encode(["a green star", "left", ""])
    assert tokens.dtype == torch.int64
    assert tokens.tolist() == [[2, 1, 4], [6, 0, 0], [0, 0, 0]]
    assert words.encode(["a star, left!"], length=3).tolist() == [[2, 4, 5]]
    assert words.encode(["star"], length=3).tolist() == [[4, 0, 0]]
    assert words.encode([]).shape == (0, 0) and words.encode([], length=4).shape == (0, 4)


def test_no_text_is_taken_for_a_special():
    assert 0 not in Tokenizer(WORDS).encode(["<pad> <unk>"])


def test_decode_puts_marks_at_the_word_before():
    words = Tokenizer(WORDS)
    texts = ["a five-point star, left!", "it's a star", ""]
    assert words.decode(words.encode(texts, length=9)) == texts
    assert words.decode(words.encode(["A green star"])) == ["a <unk> star"]


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_words_come_back_in_order(chosen):
    words = Tokenizer(WORDS)
    text = words.decode(words.encode([" ".join(chosen)]))[0]
    assert split(text) == chosen


@given(st.text())
def test_any_text_encodes_and_splits_into_words_a_tokenizer_accepts(text):
    words = Tokenizer(dict.fromkeys(split(text)))
    tokens = words.encode([text])
    assert not (tokens == 1).any() or "<unk>" in split(text)
    assert tokens.shape == (1, len(split(text)))


@pytest.mark.parametrize(
    "words, message",
    [
        (["star", "star"], "'star' twice"),
        (["Star"], "'Star'"),
        (["top left"], "'top left'"),
        ([""], "''"),
    ],
)
def test_a_bad_vocabulary_is_refused(words, message):
    with pytest.raises(ValueError, match=message):
        Tokenizer(words)


def test_bad_arguments_are_named():
    words = Tokenizer(WORDS)
    with pytest.raises(ValueError, match="texts must be a list"):
        words.encode("a star")
    with pytest.raises(ValueError, match="length must be a whole number of at least 1, got 0"):
        words.encode(["a star"], length=0)
    with pytest.raises(ValueError, match=r"\[N, L\], got torch.int64 \[2\]"):
        words.decode(torch.tensor([2, 3]))
    with pytest.raises(ValueError, match=r"0\.\.8, got 0\.\.9"):
        words.decode(torch.tensor([[9, 0]]))
