"""Critics: every pair scored, one by one as all at once; pairs on the diagonal; bad input."""

import pytest
import torch

from labkit import models

CRITICS = {
    "separable": lambda **kw: models.SeparableCritic(3, 5, hidden=16, embed=4, layers=2, **kw),
    "concat": lambda **kw: models.ConcatCritic(3, 5, hidden=16, layers=2, **kw),
    "bilinear": lambda **kw: models.BilinearCritic(3, 5, **kw),
}
every = pytest.mark.parametrize("name", CRITICS)


def pairs(b=6):
    g = torch.Generator().manual_seed(0)
    return torch.randn(b, 3, generator=g), torch.randn(b, 5, generator=g)


def alone(name, critic, x, y):
    """The score of one x [3] and one y [5], by the formula."""
    if name == "separable":
        return critic.g(x) @ critic.h(y)
    if name == "concat":
        return critic.rest(critic.first(torch.cat([x, y])))[0]
    return x @ critic.map.weight @ y


@every
def test_row_is_x_and_column_is_y(name):
    critic, (x, y) = CRITICS[name](), pairs()
    scores = critic(x, y)
    assert scores.shape == (6, 6)
    expected = torch.stack([torch.stack([alone(name, critic, a, b) for b in y]) for a in x])
    torch.testing.assert_close(scores, expected)


@every
def test_reordering_y_reorders_columns(name):
    critic, (x, y) = CRITICS[name](), pairs()
    order = torch.tensor([4, 2, 0, 5, 3, 1])
    torch.testing.assert_close(critic(x, y[order]), critic(x, y)[:, order])


@every
def test_temperature_divides_the_scores(name):
    critic, cold, (x, y) = CRITICS[name](), CRITICS[name](temperature=0.25), pairs()
    cold.load_state_dict(critic.state_dict())
    torch.testing.assert_close(cold(x, y), 4 * critic(x, y))


@every
def test_every_parameter_learns(name):
    critic, (x, y) = CRITICS[name](), pairs()
    critic(x, y).diagonal().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters())


@every
def test_double_precision(name):
    critic, (x, y) = CRITICS[name](), pairs()
    once = critic(x, y)
    torch.testing.assert_close(critic.double()(x.double(), y.double()).float(), once)


def test_layers_counts_hidden_layers():
    """Weights and biases of 20-256-256-256-32, twice: what the published SMILE code trains."""
    separable = models.SeparableCritic(20, 20)
    one = 20 * 256 + 256 + 2 * (256 * 256 + 256) + 256 * 32 + 32
    assert models.parameters(separable) == 2 * one
    concat = models.ConcatCritic(20, 20, hidden=8, layers=1)
    assert models.parameters(concat) == 40 * 8 + 8 + 8 + 1
    assert models.parameters(models.BilinearCritic(3, 5)) == 15


@every
def test_inputs_that_do_not_fit_are_named(name):
    critic, (x, y) = CRITICS[name](), pairs()
    with pytest.raises(ValueError, match=r"x must be \[B, 3\]"):
        critic(y, x)
    with pytest.raises(ValueError, match=r"y must be \[B, 5\]"):
        critic(x, x)
    with pytest.raises(ValueError, match="pairs"):
        critic(x, y[:-1])


@every
@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_bad_temperature_names_itself(name, temperature):
    with pytest.raises(ValueError, match="temperature"):
        CRITICS[name](temperature=temperature)


@pytest.mark.parametrize("bad", [{"hidden": 0}, {"layers": 0}, {"embed": 0}, {"layers": 1.5}])
def test_bad_sizes_name_themselves(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        models.SeparableCritic(3, 5, **bad)
    if "embed" not in bad:
        with pytest.raises(ValueError, match=next(iter(bad))):
            models.ConcatCritic(3, 5, **bad)
    with pytest.raises(ValueError, match="dim_x"):
        models.BilinearCritic(0, 5)
