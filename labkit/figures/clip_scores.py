"""Figure of lab 09, one batch: which pairs each loss looks at, and how hard it pushes them."""

from typing import Any

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from torch import Tensor

from labkit import losses
from labkit.errors import between, positive, unknown, whole
from labkit.figures import style
from labkit.losses.clip import clip_bias, clip_scores

LOSSES = ("clip", "siglip", "clip_lite")
NAMES = {"clip": "CLIP", "siglip": "SigLIP", "clip_lite": "CLIP-Lite"}
MOST = 32  # pairs
DIM = 32
_EMPTY = "#D2D2D2"


def made_up(batch: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Unit vectors [B, 32] of pictures and captions that partly agree: own cosines about 0.45."""
    draw = torch.Generator().manual_seed(seed)
    image, noise = torch.randn(2, whole("batch", batch, 2), DIM, generator=draw).double()
    return F.normalize(image), F.normalize(0.5 * image + noise)


def loss_of_scores(loss: str, scores: Tensor, negatives: int = 1) -> Tensor:
    """A loss of LOSSES from its scores [B, B], pictures down, pairs on the diagonal; bias included.

    ValueError for another loss and negatives outside 1..B-1.
    """
    if loss not in LOSSES:
        raise unknown("loss", loss, LOSSES)
    own = torch.arange(len(scores))
    if loss == "clip":
        return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
    if loss == "siglip":
        sign = 1 - 2 * torch.eye(len(scores), dtype=scores.dtype)
        return F.softplus(sign * scores).sum() / len(scores)
    between("negatives", whole("negatives", negatives), 1, len(scores) - 1)
    rolls = [scores[own, (own + k) % len(scores)] for k in range(negatives + 1)]
    return losses.clip_lite_jsd(torch.stack(rolls))


def scores(
    loss: str,
    batch: int,
    negatives: int = 1,
    temperature: float = 0.07,
    bias: float = 0.0,
    *,
    pairs: tuple[Tensor, Tensor] | None = None,
    seed: int = 0,
) -> go.Figure:
    """The scores of a batch, and the derivative of the loss by each; cells without one are grey.

    batch: 2..32; negatives: CLIP-Lite's, B - 1 if it is larger; temperature above 0; bias: SigLIP's
    pairs: pictures and captions [B, D], whose first `batch` are taken; made up unless given
    ValueError for another loss and values outside.
    """
    size = int(between("batch", whole("batch", batch, 2), 2, MOST))
    image, text = made_up(size, seed) if pairs is None else (x[:size].double() for x in pairs)
    size, tau = len(image), positive("temperature", temperature)
    k = min(whole("negatives", negatives), size - 1)
    shift = clip_bias(bias) if loss == "siglip" else 0.0
    table = (clip_scores(image, text, scale=1 / tau) + shift).detach().requires_grad_()  # [B, B]
    with torch.enable_grad():
        paid = loss_of_scores(loss, table, k)
    (slope,) = torch.autograd.grad(paid, table)
    setting = {"siglip": f", bias {float(shift):g}", "clip_lite": f", K = {k}"}.get(loss, "")
    return style.panels(
        [_scored(table.detach(), shift), _pushed(slope)],
        title=f"{NAMES[loss]}: which pairs are looked at?",
        gap=0.16,
        height=440,
        margin={"l": 64, "r": 78, "t": 78, "b": 52},
        plot_bgcolor=_EMPTY,
        caption=f"{NAMES[loss]}, B = {size}, tau = {tau:.3g}{setting}: " + _told(paid, slope),
        alt="Scores of all pairs of a batch, and the gradient of the loss by each of them",
    )


def _told(paid: Tensor, slope: Tensor) -> str:
    pull = slope.abs().flatten()
    carrying, total = int((pull > 0).sum()), pull.sum()
    half = int((pull.sort(descending=True).values.cumsum(0) < total / 2).sum()) + 1
    diagonal = (slope.diagonal().abs().sum() / total).item()
    return (
        f"the loss is {paid.item():.3f}; {carrying} of {len(pull)} cells carry gradient, half of "
        f"it lies in {half}, and {diagonal:.0%} of it on the diagonal."
    )


def _scored(table: Tensor, shift: Any) -> dict[str, Any]:
    most = table.abs().max().item()
    look = {"zmin": -most, "zmax": most, "colorscale": style.DIVERGING}
    bar = {"thickness": 12, "x": 0.425, "xanchor": "left"}
    cells = style.heat(z=table.numpy(), **look) | {"colorbar": bar}
    cells["hovertemplate"] = "picture %{y}, caption %{x}: score %{z:.2f}<extra></extra>"
    return _square([cells], "scores" + (" with the bias" if shift else ""), "picture i")


def _pushed(slope: Tensor) -> dict[str, Any]:
    """Colours go with the square root: what is a hundredth of the largest can still be seen."""
    most = slope.abs().max().clamp_min(1e-300).item()
    shown = (slope / most).sign() * (slope / most).abs().sqrt()
    stops = [-1.0, -0.5, 0.0, 0.5, 1.0]
    bar = {"thickness": 12, "x": 1.0, "xanchor": "left", "tickvals": stops,
           "ticktext": [f"{most * v * abs(v):+.2g}" if v else "0" for v in stops]}  # fmt: skip
    z = [[value or None for value in row] for row in shown.tolist()]  # JSON knows no NaN
    cells = style.heat(z=z, zmin=-1, zmax=1, colorscale=style.DIVERGING, customdata=slope.numpy())
    cells |= {"colorbar": bar, "hoverongaps": False}
    cells["hovertemplate"] = "picture %{y}, caption %{x}: %{customdata:.2g}<extra></extra>"
    return _square([cells], "d loss / d score (blue: to be raised; grey: none)", "")


def _square(traces: list[dict[str, Any]], title: str, down: str) -> dict[str, Any]:
    axis = {"showgrid": False, "zeroline": False}
    y = axis | {"autorange": "reversed", "title": down}
    return {"traces": traces, "title": title, "x": axis | {"title": "caption j"}, "y": y}
