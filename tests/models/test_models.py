"""Networks: published parameter counts, shapes, seeds; and teachers that ship."""

import subprocess
import sys

import torch
from pytest import approx, mark, raises

from labkit import models

# RepDistiller's networks at 100 classes: parameters and multiply-accumulates, both in millions.
PUBLISHED = {
    "resnet8": (0.084, 12.5), "resnet14": (0.181, 26.7), "resnet20": (0.278, 40.8),
    "resnet32": (0.473, 69.1), "resnet56": (0.862, 125.8), "resnet110": (1.737, 253.2),
    "resnet8x4": (1.234, 177.1), "resnet32x4": (7.434, 1083.0),
    "wrn_16_1": (0.181, 26.7), "wrn_16_2": (0.703, 101.1),
    "wrn_40_1": (0.570, 83.3), "wrn_40_2": (2.255, 327.6),
    "vgg8": (3.965, 96.2), "vgg13": (9.462, 284.9), "resnet50": (23.705, 1298.0),
    "mobilenet_v2": (0.813, 6.5), "shufflenet_v1": (0.949, 38.7), "shufflenet_v2": (1.356, 44.5),
}  # fmt: skip

_VGG = [(64, 32), (128, 16), (256, 8), (512, 4), (512, 4)]
# (channels, size) of every map, and the width of the pooled vector.
SHAPES = {
    "linear": ([], 3072),
    "convnet": ([(32, 16), (64, 8), (128, 4)], 128),
    "convnet_4": ([(4, 16), (8, 8), (16, 4)], 16),
    "resnet8": ([(16, 32), (16, 32), (32, 16), (64, 8)], 64),
    "resnet8x4": ([(32, 32), (64, 32), (128, 16), (256, 8)], 256),
    "wrn_16_1": ([(16, 32), (16, 32), (32, 16), (64, 8)], 64),
    "wrn_40_2": ([(16, 32), (32, 32), (64, 16), (128, 8)], 128),
    "vgg8": (_VGG, 512), "vgg11": (_VGG, 512), "vgg13": (_VGG, 512),
    "mobilenet_v2": ([(16, 16), (12, 16), (16, 8), (48, 4), (160, 2)], 1280),
    "shufflenet_v1": ([(24, 32), (240, 16), (480, 8), (960, 4)], 960),
    "shufflenet_v2": ([(24, 32), (116, 16), (232, 8), (464, 4)], 1024),
    "resnet50": ([(64, 32), (256, 32), (512, 16), (1024, 8), (2048, 4)], 2048),
    "vit_small": ([(192, 8)] * 4, 192),
}  # fmt: skip


@mark.parametrize("name", PUBLISHED)
def test_parameters_and_macs_as_published(name):
    million, mmac = PUBLISHED[name]
    model = models.build(name, 100)
    assert models.parameters(model) / 1e6 == approx(million, abs=0.0006)
    assert models.macs(model) / 1e6 == approx(mmac, abs=0.06)


def test_vgg11_is_vgg8_with_three_more_convolutions():
    eight, eleven = (models.build(name, 100) for name in ("vgg8", "vgg11"))
    more = [256 * 256 * 9, 512 * 512 * 9, 512 * 512 * 9]
    added = sum(more) + 3 * (256 + 512 + 512)  # each bias, and BatchNorm's scale and shift
    assert models.parameters(eleven) - models.parameters(eight) == added
    assert models.macs(eleven) - models.macs(eight) == more[0] * 64 + (more[1] + more[2]) * 16


def test_vit_counts_by_hand():
    model, dim, tokens = models.build("vit_small", 100), 192, 64
    block = 12 * dim**2 + 13 * dim  # attention 4 dim^2, MLP 8 dim^2; biases and two LayerNorms
    ends = 48 * dim + dim + tokens * dim + 2 * dim + 100 * dim + 100
    assert models.parameters(model) == 6 * block + ends
    attention = 2 * tokens**2 * dim
    per_block = tokens * 12 * dim**2 + attention
    assert models.macs(model) == tokens * 48 * dim + 6 * per_block + 100 * dim


def test_counting_macs_leaves_the_model_as_it_was():
    model = models.build("resnet8", 10).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    models.macs(model)
    assert not model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@mark.parametrize("name", SHAPES)
def test_features(name):
    maps, width = SHAPES[name]
    model = models.build(name, 7)
    out = model(torch.randn(2, 3, 32, 32))
    assert [tuple(m.shape) for m in out.maps] == [(2, c, size, size) for c, size in maps]
    assert (tuple(out.pooled.shape), tuple(out.logits.shape)) == ((2, width), (2, 7))
    assert all(m.min() >= 0 for m in out.maps) == model.maps_after_relu
    assert torch.equal(model.fc(out.pooled), out.logits)


@mark.slow
@mark.parametrize("name", models.MODELS)
def test_gradients_reach_every_parameter(name):
    # Evaluation mode: in training, BatchNorm cancels what the biases before it do.
    model = models.build(name, 10).eval()
    out = model(torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    torch.nn.functional.cross_entropy(out.logits, torch.tensor([1, 2])).backward()
    dead = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert dead == []
    assert all(p.grad.isfinite().all() for p in model.parameters())


@mark.parametrize("name", ["wrn_16_2", "vgg8", "mobilenet_v2", "resnet50", "vit_small"])
def test_evaluation_treats_images_alone(name):
    model = models.build(name, 10).eval()
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        together, alone = model(images), model(images[1:2])
    scale = together.logits.abs().max().item()
    torch.testing.assert_close(together.logits[1:2], alone.logits, rtol=1e-3, atol=1e-4 * scale)


def test_a_signed_network_pools_after_its_last_relu():
    for name in ("wrn_16_1", "mobilenet_v2"):
        out = models.build(name, 10)(torch.randn(2, 3, 32, 32))
        assert out.maps[-1].min() < 0 <= out.pooled.min()


@mark.slow
def test_the_package_imports_without_torchvision():
    code = "import sys, labkit.models; print('torchvision' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_seed_decides_and_the_global_generator_stays():
    state = torch.get_rng_state()
    one, two, other = (models.build("resnet8", 10, seed=s) for s in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(next(one.parameters()), next(other.parameters()))


def test_unknown_names_and_too_few_classes():
    with raises(ValueError, match="Did you mean 'resnet20'"):
        models.build("resnt20", 10)
    with raises(ValueError, match="classes"):
        models.build("resnet8", 1)
    with raises(ValueError, match="unknown teacher"):
        models.load_teacher("resnet1000")


def test_a_saved_teacher_answers_as_before(tmp_path, monkeypatch):
    monkeypatch.setattr(models.teachers, "TEACHERS", tmp_path)
    model = models.build("resnet8", 10, seed=1).eval()
    models.save_teacher("mine", model, {"model": "resnet8", "classes": 10})
    images = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        again, before = models.load_teacher("mine")(images).logits, model(images).logits
    torch.testing.assert_close(again, before, rtol=5e-3, atol=5e-3)  # half precision
    assert not any(p.requires_grad for p in models.load_teacher("mine").parameters())
