"""Critics: networks that score how well x and y go together, all pairs of a batch at once."""

import itertools

from torch import Tensor, nn

from labkit.errors import positive, whole


class SeparableCritic(nn.Module):
    """f(x, y) = g(x) . h(y) / temperature: two MLPs, 2 B network calls for B^2 scores.

    Shapes: forward takes x [B, dim_x] and y [B, dim_y] and gives scores [B, B], S_ij of (x_i,
    y_j): joint pairs on the diagonal. `layers` counts hidden layers of `hidden` ReLUs.
    Raises ValueError for sizes below 1, temperature <= 0 and inputs that do not fit.
    """

    def __init__(
        self,
        dim_x: int,
        dim_y: int,
        *,
        hidden: int = 256,
        embed: int = 32,
        layers: int = 3,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.dims = (whole("dim_x", dim_x), whole("dim_y", dim_y))
        self.temperature = positive("temperature", temperature)
        whole("layers", layers)
        self.g = _mlp(dim_x, hidden, embed, layers)
        self.h = _mlp(dim_y, hidden, embed, layers)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        _check(x, y, self.dims)
        return self.g(x) @ self.h(y).T / self.temperature  # [B, B]


class ConcatCritic(nn.Module):
    """f(x, y) = MLP([x, y]) / temperature: free in form, B^2 network calls for B^2 scores.

    The first layer is linear in x and y apart, so it is computed B times, not B^2 times.
    Shapes: forward takes x [B, dim_x] and y [B, dim_y] and gives scores [B, B], S_ij of (x_i,
    y_j): joint pairs on the diagonal. `layers` counts hidden layers of `hidden` ReLUs.
    Raises ValueError for sizes below 1, temperature <= 0 and inputs that do not fit.
    """

    def __init__(
        self,
        dim_x: int,
        dim_y: int,
        *,
        hidden: int = 256,
        layers: int = 3,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.dims = (whole("dim_x", dim_x), whole("dim_y", dim_y))
        self.temperature = positive("temperature", temperature)
        self.first = nn.Linear(dim_x + dim_y, whole("hidden", hidden))
        self.rest = nn.Sequential(nn.ReLU(), *_mlp(hidden, hidden, 1, whole("layers", layers) - 1))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        _check(x, y, self.dims)
        for_x, for_y = self.first.weight.split(self.dims, dim=1)
        h = nn.functional.linear(x, for_x, self.first.bias)[:, None] + y @ for_y.T  # [B, B, hidden]
        return self.rest(h).squeeze(2) / self.temperature  # [B, B]


class BilinearCritic(nn.Module):
    """f(x, y) = x . W y / temperature, one matrix; CPC's critic (van den Oord et al. 2018).

    Shapes: forward takes x [B, dim_x] and y [B, dim_y] and gives scores [B, B], S_ij of (x_i,
    y_j): joint pairs on the diagonal.
    Raises ValueError for sizes below 1, temperature <= 0 and inputs that do not fit.
    """

    def __init__(self, dim_x: int, dim_y: int, *, temperature: float = 1.0) -> None:
        super().__init__()
        self.dims = (whole("dim_x", dim_x), whole("dim_y", dim_y))
        self.temperature = positive("temperature", temperature)
        self.map = nn.Linear(dim_y, dim_x, bias=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        _check(x, y, self.dims)
        return x @ self.map(y).T / self.temperature  # [B, B]


def _mlp(dim_in: int, hidden: int, dim_out: int, layers: int) -> nn.Sequential:
    widths = [dim_in, *[whole("hidden", hidden)] * layers]
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        parts += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*parts, nn.Linear(hidden, whole("embed", dim_out)))


def _check(x: Tensor, y: Tensor, dims: tuple[int, int]) -> None:
    for name, value, dim in zip("xy", (x, y), dims, strict=True):
        if value.dim() != 2 or value.shape[1] != dim:
            raise ValueError(f"{name} must be [B, {dim}], got {list(value.shape)}")
    if len(x) != len(y):
        raise ValueError(f"x and y must be pairs, got {len(x)} and {len(y)}")
