"""Film reviews that write themselves, with labels that depend on pairs of words known exactly.

With [w] = 1 where word w is in the sentence, else 0, the label of a sentence is

    negation  sum over positive p of [p] - [not][p], plus sum over negative n of [not][n]
    pair      sum over idioms (f, s) of [f][s]
    xor       sum over spices (a, b) of [a] + [b] - 2 [a][b]

and the products are the interactions. Order never matters. The probabilities are in
data/cards/sentences.md; half of each kind's sentences are positive, before noise.
"""

import random
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from labkit.data.text.sentences import Pair, Sentences
from labkit.data.tokens import listed
from labkit.data.tokens import split as words_of
from labkit.data.types import SPLITS
from labkit.errors import between, unknown, whole

NEGATED = 0.25  # of the negation sentences; as many idioms lack one of their words
POSITIVE = ("good", "funny", "moving", "clever", "fresh", "warm")
NEGATIVE = ("bad", "dull", "clumsy", "stale", "cold", "boring")
ADVERBS = ("very", "quite", "really", "rather")  # where "not" might stand
IDIOMS = (
    ("stroke", "genius"), ("labour", "love"), ("work", "art"), ("touch", "class"),
    ("heart", "gold"), ("ray", "light"),
)  # fmt: skip
VAGUE = (("matter", "sort", "bit", "kind"), ("habit", "taste", "time", "money"))
SPICES = (
    ("dark", "violent"), ("sweet", "sentimental"), ("loud", "frantic"), ("strange", "cryptic"),
    ("slow", "silent"), ("bright", "colourful"),
)  # fmt: skip
PLAIN = ("usual", "modern", "familiar", "recent", "local", "small")
NOUNS = ("film", "plot", "script", "cast", "ending", "score", "story", "camera")
OPENINGS = ("frankly", "for once", "once again", "in the end", "to be fair", "as expected")
ENDINGS = (
    "", "throughout", "despite everything", "in every scene", "until the credits", "from the start",
)  # fmt: skip

Core = tuple[str, str | None, str | None]  # the words that matter, and the deciding two of them


def _subject(draw: random.Random) -> str:
    return f"the {draw.choice(PLAIN)} {draw.choice(NOUNS)} {draw.choice(('is', 'was'))}"


def _negation(draw: random.Random, label: bool) -> Core:
    negated = draw.random() < NEGATED
    adjective = draw.choice(POSITIVE if label != negated else NEGATIVE)
    adverb = "not" if negated else draw.choice(ADVERBS)
    return f"{_subject(draw)} {adverb} {adjective}", "not" if negated else None, adjective


def _pair(draw: random.Random, label: bool) -> Core:
    """A positive sentence has a whole idiom, a negative one parts of two or of one only."""
    (first, match), (_, other) = draw.sample(IDIOMS, 2)
    second = match if label else other
    lacking = None if label or draw.random() < 0.5 else draw.randrange(2)
    filled = [first, second]
    if lacking is not None:
        filled[lacking] = draw.choice(VAGUE[lacking])
    text = f"{_subject(draw)} a {filled[0]} of {filled[1]}"
    return text, None if lacking == 0 else first, None if lacking == 1 else second


def _xor(draw: random.Random, label: bool) -> Core:
    """One spice of a pair pleases, both are too much, none is too little."""
    pair, plain, nouns = draw.choice(SPICES), draw.sample(PLAIN, 2), draw.sample(NOUNS, 2)
    has_first = draw.random() < 0.5
    first = pair[0] if has_first else None
    second = pair[1] if label != has_first else None
    verb = draw.choice(("meets", "follows", "frames"))
    text = f"a {first or plain[0]} {nouns[0]} {verb} a {second or plain[1]} {nouns[1]}"
    return text, first, second


def _ordered(first: str, second: str) -> Pair:
    return min(first, second), max(first, second)


WRITERS: dict[str, Callable[[random.Random, bool], Core]] = {
    "negation": _negation, "pair": _pair, "xor": _xor,
}  # fmt: skip
KINDS: tuple[str, ...] = tuple(WRITERS)
PAIRS: dict[str, frozenset[Pair]] = {
    "negation": frozenset(_ordered("not", word) for word in (*POSITIVE, *NEGATIVE)),
    "pair": frozenset(_ordered(*pair) for pair in IDIOMS),
    "xor": frozenset(_ordered(*pair) for pair in SPICES),
}


def interactions(
    count: int,
    *,
    kinds: Sequence[str] = KINDS,
    noise: float = 0.0,
    split: str = "train",
    seed: int = 0,
) -> Sentences:
    """`count` sentences of 7 to 14 words, the kinds in turn, negative and positive in turn.

    `noise` (0..0.5) is the probability that a label is the wrong one. Sentence i is the same
    whatever the count and the noise; splits and seeds share no random numbers.
    ValueError names a bad argument.
    """
    count, seed = whole("count", count), whole("seed", seed, minimum=0)
    noise, kinds = between("noise", noise, 0, 0.5), _known(kinds)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    rows = [
        _sentence(random.Random(f"{seed}/{split}/{number}"), kinds, number, noise)
        for number in range(count)
    ]
    texts, labels, kind, places = zip(*rows, strict=True)
    return Sentences(
        list(texts),
        torch.tensor(labels, dtype=torch.int64),
        ("negative", "positive"),
        torch.tensor(kind),
        kinds,
        torch.tensor(places),
        frozenset().union(*(PAIRS[name] for name in kinds)),
    )


def _known(kinds: Sequence[str]) -> tuple[str, ...]:
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    for name in kinds:
        if name not in KINDS:
            raise unknown("kind", name, KINDS)
    if not kinds or len(set(kinds)) < len(kinds):
        raise ValueError(f"kinds must name one or more of {', '.join(KINDS)} once, got {kinds!r}")
    return kinds


def _sentence(
    draw: random.Random, kinds: Sequence[str], number: int, noise: float
) -> tuple[str, int, int, tuple[int, int]]:
    """Text, label, kind and the deciding words' places; noise is drawn last, after the text."""
    turn, kind = divmod(number, len(kinds))
    label = turn % 2 == 1
    core, first, second = WRITERS[kinds[kind]](draw, label)
    text = f"{draw.choice(OPENINGS)} {core} {draw.choice(ENDINGS)}".strip()
    words = text.split()
    places = (
        words.index(first) if first else -1,
        words.index(second) if second else -1,
    )
    return text, int(label != (draw.random() < noise)), kind, places


def rule(texts: Sequence[str]) -> Tensor:
    """The true labels int64 [N] of generated sentences, read off their words alone."""
    return torch.tensor(
        [_positive(set(words_of(text))) for text in listed(texts)], dtype=torch.int64
    )


def _positive(words: set[str]) -> bool:
    if words & {*POSITIVE, *NEGATIVE}:
        return bool(words & set(POSITIVE)) != ("not" in words)
    whole_idiom = any(words.issuperset(pair) for pair in IDIOMS)
    return whole_idiom or any(len(words.intersection(pair)) == 1 for pair in SPICES)
