"""Triplets - Hoffer and Ailon (2015), "Deep Metric Learning Using Triplet Network".

    d_+ = e^{|a - p|} / (e^{|a - p|} + e^{|a - n|})            |.| is the distance, not its square
    L   = mean over triplets of d_+^2                          `triplet`
    L   = mean over triplets of max(0, |a - p| - |a - n| + m)  `triplet_margin`, the common form

Paper and code: the paper's loss is |(d_+, d_- - 1)|^2 = 2 d_+^2; its code averages the two columns
and so has d_+^2, as here. No margin, no mining, and the embeddings are not normalised.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import positive as above_zero
from labkit.losses.checks import wide


def triplet(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """The squared share d_+ of the positive's distance in a softmax of both, 0..1.

    Shapes: anchor, positive, negative [B, D] each; a scalar.
    Value at chance (equal distances): 1/4. Its gradient never becomes exactly zero.
    Raises ValueError for shapes that differ. Source: Hoffer and Ailon (2015), section 2.
    """
    near, far = _distances(anchor, positive, negative)
    return torch.sigmoid(near - far).square().mean()


def triplet_margin(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, margin: float = 1.0
) -> Tensor:
    """How far the negative is from being `margin` farther away than the positive, on average.

    Shapes: anchor, positive, negative [B, D] each; a scalar, >= 0.
    Value at chance (equal distances): the margin. 0, without gradient, once all keep it.
    Raises ValueError for margin <= 0 and shapes that differ.
    """
    near, far = _distances(anchor, positive, negative)
    return F.relu(near - far + above_zero("margin", margin)).mean()


def _distances(anchor: Tensor, positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    """|a - p| and |a - n|, [B] each."""
    shapes = [list(x.shape) for x in (anchor, positive, negative)]
    if shapes[0] != shapes[1] or shapes[0] != shapes[2] or len(shapes[0]) != 2 or 0 in shapes[0]:
        raise ValueError(f"anchor, positive and negative must have one shape [B, D], got {shapes}")
    a, p, n = wide(anchor), wide(positive), wide(negative)
    return torch.linalg.vector_norm(a - p, dim=1), torch.linalg.vector_norm(a - n, dim=1)
