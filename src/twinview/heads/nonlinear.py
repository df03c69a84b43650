"""SimCLR's projection head (arXiv 2002.05709, section 4.2) and its successors: a perceptron."""

from typing import Annotated, Literal

from annotated_types import Ge
from torch import nn

from twinview.core import declare


def nonlinear(
    width: int,
    *,
    depth: Annotated[int, Ge(1)],
    hidden: Annotated[int, Ge(1)],
    dim: Annotated[int, Ge(1)],
    norm: Literal["none", "hidden", "all"],
) -> nn.Module:
    """A perceptron with `depth` hidden layers that maps (n, width) to (n, dim).

    Each hidden layer has ReLU. A layer has batch norm or a bias, never both. Values of the papers,
    as depth, hidden, dim, norm: SimCLR v1 has 1, 2048, 128, hidden (its code has a norm with a
    scale on the output too), v2 (2006.10029) depth 2. MoCo v2 has 1, 2048, 128, none. MoCo v3 has
    hidden 4096, dim 256, norm all, and depth 1 for ResNet-50 and 2 for ViT. Barlow Twins has 2,
    8192, 8192, all.

    Parameters
    ----------
    width : the number of features.
    depth : the number of hidden layers.
    hidden : their width.
    dim : the dimension of the projections.
    norm : batch norm in no layer, in the hidden layers, or also on the output, there without
        weights.
    """
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(width, hidden, bias=norm == "none")]
        layers += [] if norm == "none" else [nn.BatchNorm1d(hidden)]
        layers += [nn.ReLU()]
        width = hidden
    layers += [nn.Linear(width, dim, bias=norm != "all")]
    layers += [nn.BatchNorm1d(dim, affine=False)] if norm == "all" else []
    return nn.Sequential(*layers)


DECLARES = declare.Declaration(quick={"hidden": 7, "dim": 5})
