"""Heads: closed forms, shapes, gradients, and messages for what does not fit."""

import torch
from pytest import mark, raises

from labkit import models


def test_a_linear_projection_is_an_affine_map_onto_the_sphere():
    x = torch.randn(5, 6)
    head, plain = models.Projection(6, 3), models.Projection(6, 3, normalise=False)
    plain.load_state_dict(head.state_dict())
    z = x @ head.layers[0].weight.T + head.layers[0].bias
    torch.testing.assert_close(plain(x), z)
    torch.testing.assert_close(head(x), z / z.norm(dim=1, keepdim=True))


def test_an_mlp_projection_has_one_relu_between_two_layers():
    head = models.Projection(6, 3, hidden=11, normalise=False)
    first, second = head.layers[0], head.layers[2]
    x = torch.randn(5, 6)
    h = (x @ first.weight.T + first.bias).clamp(min=0)
    torch.testing.assert_close(head(x), h @ second.weight.T + second.bias)
    assert models.parameters(head) == 6 * 11 + 11 + 11 * 3 + 3


@mark.parametrize("size", [4, 8, 16])
def test_an_adapter_gives_the_teachers_shape(size):
    adapter = models.FeatureAdapter(5, 7, 8, size)
    out = adapter(torch.randn(3, 5, 8, 8))
    assert out.shape == (3, 7, size, size)
    out.square().sum().backward()
    assert all(p.grad is not None for p in adapter.parameters())


def test_an_adapter_halves_by_block_means():
    adapter = models.FeatureAdapter(2, 2, 4, 2).eval()  # fresh BatchNorm: nearly the identity
    torch.nn.init.dirac_(adapter.conv.weight)
    x = torch.randn(1, 2, 4, 4)
    means = x.reshape(1, 2, 2, 2, 2, 2).mean(dim=(3, 5))
    torch.testing.assert_close(adapter(x), means, rtol=1e-4, atol=1e-5)


def test_an_adapter_keeps_a_flat_map_flat_when_it_grows():
    adapter = models.FeatureAdapter(2, 3, 4, 8).eval()
    out = adapter(torch.ones(1, 2, 4, 4))
    torch.testing.assert_close(out, out[:, :, :1, :1].expand_as(out))


def test_what_does_not_fit_is_named():
    with raises(ValueError, match=r"x must be \[B, 6\], got \[5, 7\]"):
        models.Projection(6, 3)(torch.zeros(5, 7))
    with raises(ValueError, match=r"x must be \[B, 6\]"):
        models.Projection(6, 3)(torch.zeros(2, 5, 6))
    with raises(ValueError, match=r"x must be \[B, 5, 8, 8\], got \[2, 5, 4, 4\]"):
        models.FeatureAdapter(5, 7, 8, 4)(torch.zeros(2, 5, 4, 4))
    for name, build in {
        "dim_in": lambda: models.Projection(0, 3),
        "dim_out": lambda: models.Projection(6, 2.5),
        "hidden": lambda: models.Projection(6, 3, hidden=0),
        "channels_in": lambda: models.FeatureAdapter(0, 7, 8, 8),
        "channels_out": lambda: models.FeatureAdapter(5, -1, 8, 8),
        "size_in": lambda: models.FeatureAdapter(5, 7, "8", 8),
        "size_out": lambda: models.FeatureAdapter(5, 7, 8, 0),
    }.items():
        with raises(ValueError, match=f"{name} must be a whole number"):
            build()
