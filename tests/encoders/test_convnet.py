"""The compact convolutional network: which maps become features."""

import pytest
import torch

from twinview.encoders.convnet import ConvNet, convnet


def made(pooled_layers: int, pool_size: int = 2) -> ConvNet:
    torch.manual_seed(0)
    own = convnet(
        (1, 12, 12),
        widths=(4, 6, 8),
        strides=(1, 2, 1),
        pool_size=pool_size,
        pooled_layers=pooled_layers,
        norm="batch",
    )
    assert isinstance(own, ConvNet)
    return own.eval()


@pytest.mark.parametrize("pool_size", [1, 3])
def test_features_are_the_means_of_a_raster_over_the_last_layers_maps(pool_size: int) -> None:
    x = torch.randn(5, 1, 12, 12)
    for pooled_layers in (1, 2, 3):
        own = made(pooled_layers, pool_size)
        maps, now = [], x
        for layer in own.layers:
            now = layer(now)
            maps.append(now)
        sides = [of.shape[2] // pool_size for of in maps]
        means = [
            of.unfold(2, side, side).unfold(3, side, side).mean((4, 5)).flatten(1)
            for of, side in zip(maps, sides, strict=True)
        ]
        assert own.dim == pool_size**2 * sum((4, 6, 8)[-pooled_layers:])
        assert torch.allclose(own(x), torch.cat(means[-pooled_layers:], dim=1), atol=1e-6)
        assert torch.equal(own.features(x), maps[-1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"widths": (4,), "strides": (1, 2)}, "1 widths and 2 strides"),
        ({"pooled_layers": 3}, "pooled_layers is 3, and there are 2 layers"),
    ],
)
def test_impossible_shapes_are_refused(options: dict[str, object], said: str) -> None:
    whole = {
        "widths": (4, 6),
        "strides": (1, 1),
        "pool_size": 1,
        "pooled_layers": 1,
        "norm": "batch",
    }
    with pytest.raises(ValueError, match=said):
        convnet((1, 12, 12), **(whole | options))  # type: ignore[arg-type]
