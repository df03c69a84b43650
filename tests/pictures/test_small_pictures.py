"""Pictures of 28 or 32 pixels are not treated as ImageNet's (arXiv 2002.05709, appendix B.9)."""

from typing import Any

import pytest
import torch

from tests.support.workspace import ROOT
from twinview.core import registry
from twinview.settings import params

OPTIONS = {
    "widths": (8,),
    "strides": (1,),
    "pool_size": 1,
    "pooled_layers": 1,
    "norm": "group",
    "first_layer": "learned",
}
SMALL_SOURCES = ("fashion_mnist",)
FILES = [ROOT / "params.yaml", *sorted((ROOT / "recipes").glob("*.yaml"))]


SETTINGS = [s for s in map(params.stated, FILES) if s["data"]["source"] in SMALL_SOURCES]


def test_the_first_layer_sees_three_by_three_pixels() -> None:
    network = registry.bind("encoders", "convnet", OPTIONS)((1, 28, 28))
    x = torch.randn(1, 1, 28, 28, generator=torch.Generator().manual_seed(0)).requires_grad_()
    # Before the norm, which sees the whole picture.
    network.layers[0][0](x)[0, :, 14, 14].sum().backward()
    assert x.grad is not None
    touched = x.grad[0, 0].nonzero()
    assert touched.min(0).values.tolist() == [13, 13]
    assert touched.max(0).values.tolist() == [15, 15]


@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 2, 1), (1, 2, 2)])
def test_maps_shrink_by_the_strides_and_by_nothing_else(strides: tuple[int, ...]) -> None:
    options = OPTIONS | {"widths": (8, 16, 32), "strides": strides}
    maps = registry.bind("encoders", "convnet", options)((1, 28, 28)).features(
        torch.zeros(1, 1, 28, 28)
    )
    side = 28 // torch.tensor(strides).prod().item()
    assert maps.shape == (1, 32, side, side)


@pytest.mark.parametrize("own", SETTINGS)
def test_settings_neither_blur_nor_colour_small_pictures_as_imagenet_s(own: Any) -> None:
    chain, options = own["views"]["chain"], own["augmentations"]
    assert "gaussian_blur" not in chain
    assert all(options[name]["strength"] <= 0.5 for name in ("brightness", "contrast"))
    assert options["grey"]["probability"] <= 0.2
