"""Losses: one paper, one file; pure functions first."""

from labkit.losses.kd import kd

__all__ = ["kd"]
