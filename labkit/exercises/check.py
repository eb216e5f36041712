"""Exercise checks: run the learner's function, compare, and name the likely mistake."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from labkit import progress

Answer = Callable[..., Any]


def mismatch(got: Any, expected: Tensor) -> str | None:
    """What differs between an answer and the expected tensor, in words; None if nothing does."""
    if isinstance(got, (int, float)):
        got = torch.tensor(got, dtype=expected.dtype)
    if not isinstance(got, Tensor):
        return f"expected a tensor, got {type(got).__name__}."
    if got.shape != expected.shape:
        return f"expected shape {list(expected.shape)}, got {list(got.shape)}."
    got = got.detach().to(expected.dtype)
    if torch.allclose(got, expected, rtol=1e-5, atol=1e-8, equal_nan=True):
        return None
    worst = (got - expected).abs().nan_to_num(nan=torch.inf).argmax()
    theirs, ours = got.flatten()[worst].item(), expected.flatten()[worst].item()
    return f"got {theirs:.6g} where {ours:.6g} was expected; no known mistake explains it."


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check; a notebook shows its message. state: "correct", "wrong" or
    "not attempted"."""

    exercise: str
    state: str
    message: str

    def __repr__(self) -> str:
        mark = {"correct": "✓", "wrong": "✗"}.get(self.state, "○")
        return f"{mark} {self.exercise}: {self.message}"


@dataclass(frozen=True)
class Exercise:
    """A reference function, inputs to try it on, and the wrong answers people really give.

    `mistakes` maps a message to the function that makes that mistake: because the check computes
    the wrong answer too, it can say which one it met. `compare` says what differs between an answer
    and the expected one: for answers that are not tensors.
    """

    name: str
    reference: Answer
    inputs: Callable[[], Sequence[tuple[Any, ...]]]
    mistakes: Mapping[str, Answer]
    praise: str
    compare: Callable[[Any, Any], str | None] = mismatch

    def check(self, answer: Answer) -> Verdict:
        """Compare `answer` with the reference on every input; never raises what it raises.

        A line of the progress card says that it was right, or which known mistake it was.
        """
        verdict = self._judge(answer)
        lab = lab_of(self)
        if lab and verdict.state != "not attempted":
            mistake = verdict.message if verdict.message in self.mistakes else ""
            passed = verdict.state == "correct"
            progress.note("check", name=self.name, lab=lab, passed=passed, mistake=mistake)
        return verdict

    def _judge(self, answer: Answer) -> Verdict:
        if not callable(answer):
            return self._say("wrong", f"expected a function, got {type(answer).__name__}.")
        trials = list(self.inputs())
        given = []
        for arguments in self.inputs():  # its own: it may change them in place
            try:
                given.append(answer(*arguments))
            except NotImplementedError:
                return self._say("not attempted", "not attempted yet.")
            except Exception as error:  # the learner's code may raise anything
                return self._say("wrong", f"your function raised {type(error).__name__}: {error}")
        if any(got is None or got is Ellipsis for got in given):
            return self._say(
                "not attempted",
                "not attempted yet: nothing was returned (is the return line missing?).",
            )
        for got, arguments in zip(given, trials, strict=True):
            problem = self.compare(got, self.reference(*arguments))
            if problem:
                return self._say("wrong", self._diagnose(given, trials) or problem)
        return self._say("correct", self.praise)

    def _diagnose(self, given: Sequence[Any], trials: Sequence[tuple[Any, ...]]) -> str | None:
        """The message of the known mistake that explains every answer."""
        for message, mistake in self.mistakes.items():
            pairs = zip(given, trials, strict=True)
            if all(self.compare(got, mistake(*trial)) is None for got, trial in pairs):
                return message
        return None

    def _say(self, state: str, message: str) -> Verdict:
        return Verdict(self.name, state, message)


def exercises_of(lab: ModuleType) -> list[Exercise]:
    """Every exercise of a lab's module, those it keeps in a dict too."""
    values = [value for name, value in vars(lab).items() if not name.startswith("_")]
    values += [each for value in values if isinstance(value, dict) for each in value.values()]
    return [*{id(each): each for each in values if isinstance(each, Exercise)}.values()]


def lab_of(exercise: Exercise) -> str:
    """The number of the lab it belongs to, such as "01"; "" for one of the learner's own."""
    for name, module in sorted(sys.modules.items()):
        found = re.fullmatch(r"labkit\.exercises\.lab(\d\d)", name)
        if found and any(each is exercise for each in exercises_of(module)):
            return found[1]
    return ""
