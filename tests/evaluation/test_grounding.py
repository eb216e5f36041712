"""Grounding: heat scored by hand, Grad-CAM against its formula, and against what can be seen."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from labkit import data, models
from labkit.data.captions import VOCABULARY
from labkit.evaluation.grounding import grad_cam, grounding, last_layer, score_heat
from labkit.evaluation.zero_shot import tokens
from labkit.models.image_text import ImageText

pytest.importorskip("captum")
IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def read(model, texts):
    with torch.no_grad():
        return model.encode_text(tokens(model, texts))


def test_heat_by_hand():
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[:, :2, :2] = True  # a quarter
    heat = torch.zeros(2, 4, 4)
    heat[0, 0, 0], heat[0, 3, 3] = 3.0, 1.0
    heat[1, 3, 3] = 2.0
    found = score_heat(heat, masks)
    assert found.energy == pytest.approx(0.75 / 2)
    assert found.chance == 0.25
    assert found.fixed == pytest.approx(0.375)  # the mean map; both masks are the same
    assert found.pointing.found == 0.5


def test_no_heat_is_even_heat():
    masks = torch.zeros(3, 8, 8, dtype=torch.bool)
    masks[:, :4] = True
    found = score_heat(torch.zeros(3, 8, 8), masks)
    assert found.energy == found.chance == found.fixed == 0.5


def test_perfect_heat_is_all_inside_and_a_fixed_map_is_not():
    masks = torch.zeros(2, 8, 8, dtype=torch.bool)
    masks[0, :4], masks[1, 4:] = True, True
    found = score_heat(masks.float(), masks)
    assert found.energy == found.pointing.found == 1.0
    assert found.fixed == 0.5


@pytest.mark.parametrize("network", ["convnet_4", "resnet8", "wrn_16_1", "vgg8", "mobilenet_v2"])
def test_the_last_layer_gives_the_last_map(network):
    model = models.build(network, 8)
    maps = model.eval()(IMAGES).maps
    seen = []
    last_layer(model).register_forward_hook(lambda m, i, output: seen.append(output))
    model(IMAGES)
    assert seen[0].dim() == 4 and min(seen[0].shape[2:]) >= 2
    assert seen[0].shape[1] >= maps[-1].shape[1]
    assert model.train().training and last_layer(model) is not None and model.training


@pytest.mark.parametrize("network", ["linear", "vit_small"])
def test_networks_without_a_last_map_are_refused(network):
    with pytest.raises(ValueError, match="no last map"):
        last_layer(models.build(network, 8))


@pytest.mark.parametrize("frozen", [False, True])
def test_grad_cam_is_its_formula(frozen):
    model = ImageText(VOCABULARY, "resnet8", dim=8, width=8).eval().requires_grad_(not frozen)
    texts = read(model, ["a ring", "a bar", "a heart", "a tee"])
    heat = grad_cam(model, IMAGES, texts)

    maps = model.image(IMAGES).maps[-1].detach().requires_grad_()  # [4, 64, 8, 8]
    pooled = maps.mean((2, 3))
    score = (F.normalize(model.image.fc(pooled), dim=1) * texts).sum()
    weight = torch.autograd.grad(score, maps)[0].mean((2, 3), keepdim=True)
    by_hand = (weight * maps).sum(1, keepdim=True).relu().detach()
    expected = F.interpolate(by_hand, (32, 32), mode="bilinear")[:, 0]
    torch.testing.assert_close(heat, expected, rtol=1e-4, atol=1e-7)
    assert heat.amax() > 0


def test_the_heat_is_where_the_only_thing_to_see_is():
    """One filter that sees red, one word that asks for it: the heat lies on the red square."""
    model = ImageText(VOCABULARY, "convnet_4", dim=2, width=2)
    net = model.image
    with torch.no_grad():
        for conv in net.convs:
            conv.weight.zero_()
            conv.weight[0, 0, 1, 1] = 1.0
        net.fc.weight.zero_()
        net.fc.weight[0, 0], net.fc.bias[1] = 1.0, 1.0
        net.fc.bias[0] = 0.0
    images = torch.zeros(1, 3, 32, 32)
    images[0, 0, 4:12, 20:28] = 5.0
    found = score_heat(grad_cam(model, images, torch.tensor([[1.0, 0.0]])), (images[:, 0] > 0))
    assert found.pointing.found == 1.0
    assert found.energy > 0.7 > 10 * found.chance  # 8 x 8 cells, stretched, reach over its border
    away = grad_cam(model, images, torch.tensor([[-1.0, 0.0]]))
    assert away.amax() == 0  # nothing speaks for the opposite


def test_grounding_takes_the_first_pictures_and_their_masks():
    tiny = data.load("motif100", train=100, val=100, test=100)
    model = ImageText(VOCABULARY, "convnet_4", dim=8, width=8)
    texts = ["a ring"] * 30
    found = grounding(model, tiny, texts, batch_size=7)
    assert found.heat.shape == (30, 32, 32)
    images = tiny.normalise(tiny.test.images[:30])
    torch.testing.assert_close(found.heat, grad_cam(model, images, read(model, texts)))
    assert found.chance == pytest.approx(tiny.test.masks[:30].float().mean().item())


def test_bad_arguments():
    tiny = data.load("motif100", train=100, val=100, test=100)
    model = ImageText(VOCABULARY, "convnet_4", dim=8, width=8)
    bare = replace(tiny, test=replace(tiny.test, masks=None))
    for call, told in (
        (lambda: grounding(model, bare, ["a ring"]), "no masks"),
        (lambda: grounding(model, tiny, []), "texts"),
        (lambda: grounding(model, tiny, ["a ring"] * 101), "texts"),
        (lambda: grad_cam(model, IMAGES, torch.ones(3, 8)), "each picture"),
        (lambda: score_heat(torch.zeros(1, 4, 4), torch.zeros(1, 5, 5) > 0), "heat and masks"),
        (lambda: score_heat(torch.full((1, 4, 4), -1.0), torch.ones(1, 4, 4) > 0), "at least 0"),
    ):
        with pytest.raises(ValueError, match=told):
            call()
