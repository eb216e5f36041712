"""Grounding: which pixels speak for a caption, and do they lie on the motif?

    heat = relu(sum over channels c of  mean over places of d score / d A_c  times  A_c)

Grad-CAM (Selvaraju et al. 2017) of the cosine of picture and caption, A the last map the network's
modules give; by captum's `LayerGradCam`. The smaller map is stretched over the picture bilinearly.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from labkit.data import Dataset
from labkit.evaluation.pointing import Pointing, pointing
from labkit.evaluation.zero_shot import tokens
from labkit.models.image_text import ImageText


class Grounding(NamedTuple):
    """Heat maps against masks; shares 0..1, means over pictures."""

    heat: Tensor  # float32 [N, H, W], at least 0
    pointing: Pointing  # of the hottest pixel
    energy: float  # share of the heat that lies on the motif
    chance: float  # what heat that is even everywhere has there: the motif's share of the picture
    fixed: float  # what the mean heat map of all pictures has there: found without looking


def last_layer(network: nn.Module) -> nn.Module:
    """The module whose output is the last map [B, C, H, W], H and W above 1, of a forward pass.

    In the convnet, whose ReLU and pooling are no modules, that is the last BatchNorm, 8 x 8.
    ValueError for networks without one, and for transformers, whose last such map is their first.
    """
    seen: list[nn.Module] = []

    def note(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor) and output.dim() == 4 and min(output.shape[2:]) > 1:
            seen.append(module)

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    first, trained = next(network.parameters()), network.training
    with torch.no_grad():
        network.eval()(first.new_zeros(1, 3, 32, 32))
    network.train(trained)
    for hook in hooks:
        hook.remove()
    if not seen or any(isinstance(m, nn.TransformerEncoderLayer) for m in network.modules()):
        raise ValueError(f"a {type(network).__name__} has no last map: take a convnet")
    return seen[-1]


def grad_cam(model: ImageText, images: Tensor, texts: Tensor) -> Tensor:
    """Heat [B, H, W], at least 0, of normalised pictures [B, 3, H, W] for texts [B, D], one each.

    `texts` are unit vectors of `model.encode_text`. The model is put into eval mode.
    ValueError for another number of texts. Source: Selvaraju et al. (2017).
    """
    from captum.attr import LayerAttribution, LayerGradCam

    if len(images) != len(texts):
        raise ValueError(f"each picture needs its text: {len(images)} and {len(texts)}")
    model.eval()

    def score(pixels: Tensor) -> Tensor:
        return (model.encode_image(pixels) * texts).sum(1)  # [B]

    with torch.enable_grad():
        cam = LayerGradCam(score, last_layer(model.image))
        heat = cam.attribute(images, relu_attributions=True)
    size = (images.shape[2], images.shape[3])
    return LayerAttribution.interpolate(heat.detach(), size, "bilinear")[:, 0].clamp_min(0)


def grounding(
    model: ImageText,
    dataset: Dataset,
    texts: Sequence[str],
    *,
    split: str = "test",
    batch_size: int = 250,
) -> Grounding:
    """Grad-CAM of the first pictures of a split, one text each, against their true masks.

    Compare with texts of other pictures: heat that stays on the motif finds whatever stands out.
    ValueError for a split without masks, no texts, and more texts than pictures.
    """
    part = dataset.split(split)
    if part.masks is None:
        raise ValueError(f"{dataset.name} has no masks: take motif100")
    if isinstance(texts, str) or not 1 <= len(texts) <= len(part):
        raise ValueError(f"texts must be 1..{len(part)} captions, one for each picture")
    rows, device = torch.arange(len(texts)), model.log_scale.device
    with torch.no_grad():
        read = model.eval().encode_text(tokens(model, texts))
    shown, parts = part.subset(rows), []
    for start in range(0, len(texts), batch_size):
        here = slice(start, start + batch_size)
        images = dataset.normalise(shown.images[here]).to(device)
        parts.append(grad_cam(model, images, read[here]).cpu())
    assert shown.masks is not None
    return score_heat(torch.cat(parts), shown.masks.cpu())


def score_heat(heat: Tensor, masks: Tensor) -> Grounding:
    """Heat [N, H, W], at least 0, against masks bool [N, H, W]; no heat at all is even heat.

    Raises ValueError for shapes that differ and heat below 0.
    """
    if heat.shape != masks.shape or heat.dim() != 3 or not len(heat):
        raise ValueError(
            f"heat and masks must be [N, H, W], got {list(heat.shape)} and {list(masks.shape)}"
        )
    if heat.min() < 0:
        raise ValueError(f"heat must be at least 0, got {heat.min().item():g}")
    even = torch.where(heat.amax((1, 2), keepdim=True) > 0, heat, torch.ones_like(heat))
    share = even / even.sum((1, 2), keepdim=True)
    inside = masks.float()
    return Grounding(
        heat,
        pointing(heat, masks),
        (share * inside).sum((1, 2)).mean().item(),
        inside.mean().item(),
        (share.mean(0) * inside).sum((1, 2)).mean().item(),
    )
