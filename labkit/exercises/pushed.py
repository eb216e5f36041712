"""Checks of functions whose gradient is the point: both are looked at, value and gradient."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from labkit.exercises.check import Answer, Exercise, Verdict, mismatch


@dataclass(frozen=True)
class Pushed(Exercise):
    """An exercise about a value, and about the gradient that reaches the first argument."""

    def _judge(self, answer: Answer) -> Verdict:
        mistakes = {message: pushed(mistake) for message, mistake in self.mistakes.items()}
        pair = Exercise(
            self.name, pushed(self.reference), self.inputs, mistakes, self.praise, value_and_slope
        )
        return pair._judge(pushed(answer) if callable(answer) else answer)


def pushed(answer: Answer) -> Answer:
    """The answer, and the gradient of its weighted sum; weights, so that places cannot cancel.

    What is no tensor comes back as it is.
    """

    def both(first: Tensor, *others: Any) -> Any:
        with torch.enable_grad():
            leaf = first.detach().clone().requires_grad_()
            value = answer(leaf, *others)
            if not isinstance(value, Tensor):
                return value
            slope = torch.zeros_like(leaf)
            if value.requires_grad:
                weights = torch.arange(1, value.numel() + 1).view(value.shape)
                (found,) = torch.autograd.grad((value * weights).sum(), leaf, allow_unused=True)
                slope = slope if found is None else found
        return value.detach(), slope

    return both


def value_and_slope(got: Any, expected: tuple[Tensor, Tensor]) -> str | None:
    """What differs in words, the value before the gradient; None if nothing does."""
    if not isinstance(got, tuple):
        return mismatch(got, expected[0])
    value, slope = (mismatch(a, b) for a, b in zip(got, expected, strict=True))
    return value or (slope and f"the values are right, the gradient is not: {slope}")
