"""Figures of lab 09: the pictures that words find, and the words that a picture finds."""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from PIL import Image
from torch import Tensor

from labkit.data.captions import LARGE, MIDDLE, SMALL
from labkit.data.motif import COLOURS, SHAPES
from labkit.data.motif.textures import ADJECTIVES
from labkit.data.tokens import split
from labkit.errors import whole
from labkit.figures import style

ROW = 8  # pictures in a row
_STEP = 36  # pixels from a picture to the next
_NAMED = {"shape": SHAPES, "texture": ADJECTIVES, "color": COLOURS, "background": COLOURS}


def fits(words: str, factors: Mapping[str, Tensor]) -> Tensor | None:
    """Of which pictures the words are true: bool [N]; None if no word of them tells anything.

    factors: of a Split of Motif-100, [N] each. A colour before "background" is the ground's, any
    other the object's; "red star" fits every star that is red, "disc" no half disc; words that
    captions lack, and "in", "a", "two" and the like, are not judged.
    """
    ground = re.findall(r"(\w+) background", words.lower())
    told = split(re.sub(r"\w+ background", "", words.lower()))
    right, judged = torch.ones(len(factors["shape"]), dtype=torch.bool), False
    for factor, names in _NAMED.items():
        parts = [set(split(name)) - {"two"} for name in names]
        said = ground if factor == "background" else told
        wanted = {word for word in said if any(word in part for part in parts)}
        if wanted:
            whole_name = wanted in parts  # "disc" is no half disc
            holds = torch.tensor([wanted == p if whole_name else wanted <= p for p in parts])
            right, judged = right & holds[factors[factor].cpu().long()], True
    for word, (factor, sign, beyond) in _SIDES.items():
        if word in told:
            right, judged = right & (sign * factors[factor].cpu() > sign * beyond), True
    return right if judged else None


_SIDES = {"small": ("scale", -1, SMALL), "large": ("scale", 1, LARGE),
          "left": ("x", -1, -MIDDLE), "right": ("x", 1, MIDDLE),
          "top": ("y", -1, -MIDDLE), "bottom": ("y", 1, MIDDLE)}  # fmt: skip


def gallery(
    images: Tensor,
    scores: Tensor,
    count: int,
    words: str,
    right: Tensor | Mapping[str, Tensor] | None = None,
) -> go.Figure:
    """The `count` pictures with the highest scores, the best first; those that fit are framed.

    images: uint8 [N, 3, H, W]; scores: [N]; right: bool [N], or the factors, for `fits`
    ValueError for other shapes and count < 1.
    """
    if images.dim() != 4 or scores.shape != images.shape[:1] or not len(scores):
        raise ValueError(
            f"images and scores must be [N, 3, H, W] and [N], got {list(images.shape)} and "
            f"{list(scores.shape)}"
        )
    best = scores.topk(min(whole("count", count), len(scores))).indices.cpu()
    true = fits(words, right) if isinstance(right, Mapping) else right
    marked = [] if true is None else true.cpu()[best].tolist()
    across, down = min(ROW, len(best)), -(-len(best) // ROW)
    places = [(n % ROW * _STEP, n // ROW * (_STEP + 8)) for n in range(len(best))]
    frames = [_frame(x, y) for (x, y), fit in zip(places, marked, strict=False) if fit]
    below = [
        {"x": x + 15.5, "y": y + 33, "text": f"{value:.2f}", "yanchor": "top", "font": {"size": 11}}
        for (x, y), value in zip(places, scores.cpu()[best].tolist(), strict=True)
    ]
    return style.figure(
        [_mosaic(images.cpu()[best], places)],
        shapes=frames,
        annotations=below,
        x={"visible": False, "range": [-4, max(across, 4) * _STEP]},
        y={"visible": False, "range": [down * (_STEP + 8) - 2, -4], "scaleanchor": "x"},
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        height=30 + 135 * down,
        caption=_told(words, scores, best, true),
        alt="The pictures that score best for the words typed in",
    )


def _told(words: str, scores: Tensor, best: Tensor, true: Tensor | None) -> str:
    head = f'"{words}": the {len(best)} best of {len(scores):,} pictures, '
    head += f"the first with {scores[best[0]].item():.2f}"
    if true is None:
        return f"{head}; nothing in these words can be judged."
    return (
        f"{head}; {int(true.cpu()[best].sum())} of them fit (framed), of all "
        f"{true.double().mean().item():.1%}."
    )


def _mosaic(images: Tensor, places: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """All pictures as one, white between them: one PNG draws faster than a trace for each."""
    high, wide = images.shape[2:]
    tall, broad = (max(p[axis] for p in places) for axis in (1, 0))
    sheet = torch.full((tall + high, broad + wide, 3), 255, dtype=torch.uint8)
    for (x, y), image in zip(places, images, strict=True):
        sheet[y : y + high, x : x + wide] = image.permute(1, 2, 0)
    return {"type": "image", "source": png(sheet), "hoverinfo": "skip"}


def png(pixels: Tensor) -> str:
    """uint8 [H, W, 3] as the address of a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels.cpu().numpy()).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _frame(x: float, y: float) -> dict[str, Any]:
    line = {"color": style.COLOURS["green"], "width": 4}
    return {"type": "rect", "x0": x - 1.5, "x1": x + 32.5, "y0": y - 1.5, "y1": y + 32.5,
            "line": line}  # fmt: skip


def answers(
    image: Tensor,
    cosines: Tensor,
    names: Sequence[str],
    *,
    scale: float,
    label: int | None = None,
    most: int = 8,
) -> go.Figure:
    """A picture and the classes it is likeliest to be: softmax of scale times its cosines.

    image: uint8 [3, H, W]; cosines: [C], of `zero_shot`; scale: 1 / temperature; label: the right
    class, in another pattern; most: classes drawn
    ValueError for another number of names.
    """
    if cosines.shape != (len(names),):
        raise ValueError(f"cosines must be [{len(names)}], as names, got {list(cosines.shape)}")
    p = (scale * cosines.double().cpu()).softmax(0)
    order = p.topk(min(whole("most", most), len(p))).indices.flip(0).tolist()  # bars go upwards
    looks = [style.series(2 if n == label else 0) for n in order]
    marker = {"color": [look["color"] for look in looks],
              "pattern": {"shape": [look["pattern"] for look in looks],
                          "fillmode": "overlay"}}  # fmt: skip
    bar = {"type": "bar", "orientation": "h", "x": [100 * p[n].item() for n in order],
           "y": [names[n] for n in order], "marker": marker,
           "hovertemplate": "%{x:.1f} %<extra></extra>"}  # fmt: skip
    seen = {"type": "image", "source": png(image.permute(1, 2, 0)), "hoverinfo": "skip"}
    axis = {"visible": False, "constrain": "domain"}
    side = {"x": axis, "y": axis | {"scaleanchor": "x", "autorange": "reversed"}}
    first = int(p.argmax())
    said = f'The likeliest of {len(p)} sentences is "{names[first]}", {p[first].item():.1%}'
    if label is not None:
        place = int((p > p[label]).sum()) + 1
        said += ", which is right" if first == label else (
            f'; "{names[label]}" is right and in place {place}, {p[label].item():.1%}')  # fmt: skip
    return style.panels(
        [
            {"traces": [seen], "title": "the picture", **side},
            {"traces": [bar], "title": "its classes", "x": {"title": "%", "range": [0, 101]},
             "y": {"showgrid": False}},
        ],
        widths=[0.6, 1],
        gap=0.26,
        height=330,
        margin={"l": 20, "r": 20, "t": 46, "b": 52},
        caption=said + ".",
        alt="A picture, and the probabilities of its likeliest classes",
    )  # fmt: skip
