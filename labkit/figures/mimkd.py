"""Figure of lab 07, what MIMKD compares: places of both networks' maps, drawn on the picture."""

from typing import Any

import plotly.graph_objects as go
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import between, unknown, whole
from labkit.figures import style

SIDE = 32  # pixels
TERMS = ("global", "local", "feature")


def three(
    picture: Tensor, teacher_map: Tensor, student_map: Tensor, term: str, row: int, column: int
) -> go.Figure:
    """A picture and the last map of each network; what one question of the term compares is framed.

    picture: uint8 [3, 32, 32]; teacher_map, student_map: [C, H, W], any sizes; both are pooled to
    the smaller grid, at most 8 x 8. row, column: from 1, of that grid. Colour is a map's mean size
    |.| over its channels. Raises ValueError for another term and a place outside of the grid.
    """
    if term not in TERMS:
        raise unknown("term", term, TERMS)
    height, width = grid(teacher_map, student_map)
    r = int(between("row", whole("row", row), 1, height))
    c = int(between("column", whole("column", column), 1, width))
    place, everything = _frame(r, c, height, width), (0.0, 0.0, float(SIDE), float(SIDE))
    framed = {"global": (everything, everything), "local": (everything, place),
              "feature": (place, place)}[term]  # fmt: skip
    maps = [F.adaptive_avg_pool2d(m.abs(), (height, width)).mean(0) for m in (teacher_map, student_map)]  # fmt: skip # noqa: E501
    titles = (f"teacher: {len(teacher_map)} numbers a place",
              f"student: {len(student_map)} numbers a place")  # fmt: skip
    shapes = [_shape(box, f"x{i + 2}", f"y{i + 2}") for i, box in enumerate(framed)]
    if term != "global":
        shapes.append(_shape(place, "x", "y"))
    return style.panels(
        [
            panel([pixels(picture)], "the picture"),
            *(panel([heat(m)], title) for m, title in zip(maps, titles, strict=True)),
        ],
        shapes=shapes,
        title="What one question compares: all that is inside of the frames",
        gap=0.06,
        height=330,
        margin={"l": 20, "r": 20, "t": 78, "b": 20},
        caption=_said(term, len(teacher_map), len(student_map), (r, c), (height, width)),
    )


def grid(*maps: Tensor, most: int = 8) -> tuple[int, int]:
    """Height and width that maps [..., H, W] are pooled to: the smallest, `most` at the most."""
    return min(most, *(m.shape[-2] for m in maps)), min(most, *(m.shape[-1] for m in maps))


def pixels(picture: Tensor) -> dict[str, Any]:
    """The trace of a picture, uint8 [3, H, W], in pixels."""
    shown = picture.permute(1, 2, 0).cpu().tolist()
    return {"type": "image", "z": shown, "hoverinfo": "skip"}


def heat(values: Tensor, **more: Any) -> dict[str, Any]:
    """The trace of [h, w] over a whole picture, in the picture's pixels."""
    down, across = (SIDE / n for n in values.shape)
    places = {"x0": across / 2 - 0.5, "dx": across, "y0": down / 2 - 0.5, "dy": down}
    return style.heat(z=values.cpu().tolist(), showscale=False, **places) | more


def panel(traces: list[dict[str, Any]], title: str) -> dict[str, Any]:
    """A part for `style.panels` with the axes of a picture."""
    axis = {"visible": False, "showgrid": False, "constrain": "domain"}
    wide = {"range": [-0.5, SIDE - 0.5]}
    down = {"range": [SIDE - 0.5, -0.5], "scaleanchor": "x"}
    return {"traces": traces, "title": title, "x": axis | wide, "y": axis | down}


def _said(term: str, t: int, s: int, place: tuple[int, int], size: tuple[int, int]) -> str:
    where = f"row {place[0]}, column {place[1]}"
    number = size[0] * size[1]
    if term == "global":
        return (
            f"Global: the mean of the teacher's map ({t} numbers) against the mean of the "
            f"student's ({s} numbers). One question for each pair of pictures."
        )
    if term == "local":
        return (
            f"Local: the mean of the teacher's map ({t} numbers) against the student's {s} numbers "
            f"at {where}. {number} questions for each pair of pictures, one critic for all."
        )
    return (
        f"Feature: the teacher's {t} numbers at {where} against the student's {s} at the same "
        f"place. {number} questions for each pair of pictures, and a critic for each stage."
    )


def _frame(row: int, column: int, height: int, width: int) -> tuple[float, float, float, float]:
    down, across = SIDE / height, SIDE / width
    return (column - 1) * across, (row - 1) * down, column * across, row * down


def _shape(box: tuple[float, float, float, float], x: str, y: str) -> dict[str, Any]:
    x0, y0, x1, y1 = (edge - 0.5 for edge in box)
    line = {"color": style.COLOURS["vermilion"], "width": 4}
    return {"type": "rect", "xref": x, "yref": y, "x0": x0, "x1": x1, "y0": y0, "y1": y1, "line": line}  # fmt: skip # noqa: E501
