"""Figures of lab 00: Motif-100's pictures, and what one of its factors tells of another."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from PIL import Image
from torch import Tensor

from labkit.data import captions, motif
from labkit.evaluation import background_information
from labkit.figures import style

GAP = 2  # white pixels between pictures


def gallery(
    images: Tensor,
    texts: Sequence[str],
    *,
    title: str,
    caption: str,
    columns: int = 8,
    masks: Tensor | None = None,
    height: int = 340,
) -> go.Figure:
    """Pictures side by side, `texts` shown when the mouse is over one.

    images: uint8 [N, 3, H, W]; masks: bool [N, H, W], what lies outside is paled.
    """
    if masks is not None:
        pale = images.float().mean(1, keepdim=True).mul(0.15).add(210).to(torch.uint8)
        images = torch.where(masks[:, None], images, pale)
    sheet, place = _sheet(images, columns)
    dots: dict[str, Any] = {"type": "scatter", "mode": "markers", "hovertext": list(texts)}
    dots |= {"x": place[0].numpy(), "y": place[1].numpy(), "hoverinfo": "text"}
    dots |= {"marker": {"size": 30, "opacity": 0}, "showlegend": False}
    pixels = {"type": "image", "source": _png(sheet), "hoverinfo": "skip"}
    axis = {"visible": False, "showgrid": False, "constrain": "domain"}
    return style.figure(
        [pixels, dots],
        title=title,
        x=axis,
        y=axis | {"scaleanchor": "x", "autorange": "reversed"},
        margin={"l": 8, "r": 8, "t": 44, "b": 8},
        height=height,
        caption=caption,
        alt=f"{len(images)} pictures. {caption}",
    )


def _sheet(images: Tensor, columns: int) -> tuple[Tensor, Tensor]:
    """One picture uint8 [3, h, w] of all, row by row, and their middles (x, y) [2, N]."""
    count, _, high, wide = images.shape
    rows = -(-count // columns)
    sheet = torch.full((3, rows * (high + GAP), columns * (wide + GAP)), 255, dtype=torch.uint8)
    number = torch.arange(count)
    left, top = number % columns * (wide + GAP), number // columns * (high + GAP)
    for image, x, y in zip(images, left.tolist(), top.tolist(), strict=True):
        sheet[:, y : y + high, x : x + wide] = image
    return sheet, torch.stack([left + wide / 2, top + high / 2])


def _png(image: Tensor) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def two_sets() -> list[go.Figure]:
    """Pictures of sets A and B of lab 00's puzzle. What tells them apart is the puzzle."""
    figures = []
    for name, bias in (("A", 0.0), ("B", 1.0)):
        split = motif.render(40, bias=bias, seed=7)
        texts = captions.write(split.factors, "class")
        figures.append(gallery(split.images, texts, title=f"Set {name}", caption="", height=250))
    return figures


def overlap(
    matrix: Tensor, names: Sequence[str], *, title: str, own: int | None = None
) -> go.Figure:
    """How alike each two things are, 0..1, as a heat map [N, N]; the most alike pair is named."""
    off = matrix.clone().fill_diagonal_(-1)
    best = int(off.argmax())
    one, two = names[best // len(names)], names[best % len(names)]
    axis = {"showgrid": False, "tickfont": {"size": 10}}
    return style.figure(
        [style.heat(z=matrix.numpy(), x=list(names), y=list(names), zmin=0, zmax=1)],
        title=title,
        x=axis | {"tickangle": -60},
        y=axis | {"autorange": "reversed"},
        height=480,
        margin={"l": 120, "r": 20, "t": 56, "b": 110},
        caption=f"Most alike: {one} and {two}, {off.max():.2f} of 1.",
    )


def leak(bias: float, counted: float, pictures: int) -> go.Figure:
    """What the ground's colour tells of the shape, in nats, over the bias; `counted` at `bias`."""
    line = torch.linspace(0, 1, 101)
    exact = [background_information(b) for b in line.tolist()]
    dot: dict[str, Any] = {"type": "scatter", "mode": "markers", "x": [bias], "y": [counted]}
    dot |= {"name": f"counted in {pictures:,} pictures"}
    dot |= {"marker": {"size": 12, "color": style.COLOURS["vermilion"], "symbol": "diamond"}}
    here = background_information(bias)
    return style.figure(
        [style.line(0, x=line.numpy(), y=exact, name="exact"), dot],
        title="What the background tells of the shape",
        x={"title": "bias", "range": [-0.03, 1.03]},
        y={"title": "I(shape; background), nats", "range": [-0.1, 3.3]},
        caption=f"At bias {bias:.2f} the background's colour carries {here:.2f} of the "
        f"{exact[-1]:.2f} nats that name a shape; {counted:.2f} were counted.",
    )


def shortcut(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Accuracy over the bias of the training pictures: on pictures like them, and on fair ones.

    rows: of a reference record, each with data.bias, val_accuracy and test_accuracy.
    """
    rows = sorted(rows, key=lambda row: row["data"]["bias"])
    bias = [row["data"]["bias"] for row in rows]
    traces = []
    for number, (key, name) in enumerate(
        {
            "val_accuracy": "pictures like the training ones",
            "test_accuracy": "fair pictures",
        }.items()
    ):
        mean = [100 * row[key]["mean"] for row in rows]
        spread = [row[key]["std"] if row[key]["n"] > 1 else 0.0 for row in rows]  # NaN is no JSON
        bars = {"array": [100 * std for std in spread]}
        look = {"mode": "lines+markers", "marker": {"symbol": style.MARKERS[number], "size": 9}}
        traces.append(style.line(number, x=bias, y=mean, name=name, error_y=bars) | look)
    last = rows[-1]
    fall = 100 * (last["val_accuracy"]["mean"] - last["test_accuracy"]["mean"])
    return style.figure(
        traces,
        title="Recorded: what a shortcut costs",
        x={"title": "bias of the training pictures", "range": [-0.03, 1.03]},
        y={"title": "accuracy, % (mean ± std over seeds)", "rangemode": "tozero"},
        height=380,
        caption=f"Trained at bias {bias[-1]:g}, the network loses {fall:.1f} points when the "
        "background stops naming the shape.",
    )
