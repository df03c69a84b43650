"""Projection heads in closed form."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.conftest import WHOLE
from twinview.compute.batch_norm import SplitBatchNorm, split
from twinview.core import registry
from twinview.core.errors import ConfigError
from twinview.heads.identity import identity
from twinview.heads.linear import linear
from twinview.heads.nonlinear import nonlinear
from twinview.learning.parts import output_width

X = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))


def test_identity_changes_nothing() -> None:
    assert torch.equal(identity(6)(X), X)


def test_linear_is_one_matrix_and_one_bias() -> None:
    head = linear(6, dim=3)
    assert torch.equal(head(X), F.linear(X, head.weight, head.bias))  # type: ignore[arg-type]


def test_nonlinear_is_the_paper_s_with_batch_norm_before_relu() -> None:
    head = nonlinear(6, depth=1, hidden=5, dim=3, norm="hidden")
    matrices = [m for m in head.modules() if isinstance(m, nn.Linear)]
    hidden = X @ matrices[0].weight.T
    normed = (hidden - hidden.mean(0)) / (hidden.var(0, correction=0) + 1e-5).sqrt()
    expected = normed.relu() @ matrices[1].weight.T + matrices[1].bias
    # Float32.
    assert torch.allclose(head(X), expected, atol=1e-5)


def by_hand(head: nn.Module, x: Tensor, norm: str) -> Tensor:
    """A matrix a layer, from what the head says of its weights."""
    *hidden, last = [m for m in head.modules() if isinstance(m, nn.Linear)]
    for layer in hidden:
        x = x @ layer.weight.T
        x = x + layer.bias if norm == "none" else standardised(x)
        x = x.clamp(min=0)
    x = x @ last.weight.T
    return standardised(x) if norm == "all" else x + last.bias


def standardised(x: Tensor) -> Tensor:
    return (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()


@pytest.mark.parametrize("norm", ["none", "hidden", "all"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_nonlinear_is_its_layers_by_hand(depth: int, norm: str) -> None:
    head = nonlinear(6, depth=depth, hidden=5, dim=3, norm=norm).double()
    assert torch.allclose(head(X.double()), by_hand(head, X.double(), norm), rtol=1e-9)
    widths = [m.weight.shape for m in head.modules() if isinstance(m, nn.Linear)]
    assert widths == [(5, 6), *[(5, 5)] * (depth - 1), (3, 5)]
    assert output_width(head, "byol") == 3


@pytest.mark.parametrize(
    ("norm", "biases", "norms"),
    [("none", [True, True, True], []), ("hidden", [False, False, True], [True, True]),
     ("all", [False, False, False], [True, True, False])],
)  # fmt: skip
def test_a_layer_has_batch_norm_or_a_bias_and_the_output_s_norm_no_weights(
    norm: str, biases: list[bool], norms: list[bool]
) -> None:
    head = nonlinear(6, depth=2, hidden=5, dim=3, norm=norm)
    assert [m.bias is not None for m in head if isinstance(m, nn.Linear)] == biases  # type: ignore[attr-defined]
    assert [m.affine for m in head if isinstance(m, nn.BatchNorm1d)] == norms  # type: ignore[attr-defined]


def test_the_head_of_params_yaml_is_the_one_of_the_recorded_numbers_to_the_bit() -> None:
    torch.manual_seed(0)
    head = registry.bind("heads", "nonlinear", WHOLE["heads"]["nonlinear"])(6).state_dict()
    torch.manual_seed(0)
    first, norm = nn.Linear(6, 256, bias=False), nn.BatchNorm1d(256)
    recorded = nn.Sequential(first, norm, nn.ReLU(), nn.Linear(256, 128)).state_dict()
    assert head.keys() == recorded.keys()
    assert all(torch.equal(head[name], recorded[name]) for name in head)


def test_a_norm_without_weights_is_split_like_others() -> None:
    head = nonlinear(6, depth=1, hidden=5, dim=3, norm="all")
    split(head, 4)
    assert sum(isinstance(m, SplitBatchNorm) for m in head.modules()) == 2
    # Each group of four by itself; float32, and batch norm's epsilon.
    assert torch.allclose(head(X)[:4].mean(0), torch.zeros(3), atol=1e-5)


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"norm": "output"}, {"depth": 1.5}])
def test_options_out_of_range_are_named(wrong: dict[str, object]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigError, match=rf"heads\.nonlinear\.{name}"):
        registry.bind("heads", "nonlinear", WHOLE["heads"]["nonlinear"] | wrong)
