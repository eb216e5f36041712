"""The lines over a training panel's figure: where the run stands, in words."""

import html
from collections.abc import Mapping, Sequence

FAILURE = "failure"  # the kind of note that is read out at once


def status(head: str, parts: Sequence[str], caption: str, notes: Mapping[str, str]) -> str:
    """HTML of the state with its numbers, the figure's sentence, and a line for each note."""
    numbers = " · ".join(html.escape(part) for part in parts)
    lines = [f"<div><b>{html.escape(head)}</b>{' · ' if numbers else ''}{numbers}</div>"]
    lines.append(f"<div>{html.escape(caption)}</div>")
    for kind, text in notes.items():
        if text:
            role = "alert" if kind == FAILURE else "status"
            weight = "bold" if kind == FAILURE else "normal"
            look = f"role='{role}' style='font-weight:{weight}'"
            lines.append(f"<div {look}>{html.escape(text)}</div>")
    return f"<div style='line-height:1.4'>{''.join(lines)}</div>"
