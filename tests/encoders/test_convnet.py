"""The compact convolutional network: which maps become features."""

import pytest
import torch
import torch.nn.functional as F

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
        first_layer="learned",
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
        "first_layer": "learned",
    }
    with pytest.raises(ValueError, match=said):
        convnet((1, 12, 12), **(whole | options))  # type: ignore[arg-type]


def whitening(channels: int = 1, width: int = 6, side: int = 12) -> ConvNet:
    network = convnet(
        (channels, side, side),
        first_layer="whitening",
        widths=(width, 4),
        strides=(1, 2),
        pool_size=2,
        pooled_layers=1,
        norm="batch",
    )
    assert isinstance(network, ConvNet)
    return network


def smooth(count: int, channels: int = 1, side: int = 12) -> torch.Tensor:
    """Pictures whose neighbouring pixels are alike."""
    random = torch.Generator().manual_seed(0)
    return F.avg_pool2d(torch.randn(count, channels, side + 4, side + 4, generator=random), 5, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_fitted_first_layer_gives_uncorrelated_components_and_their_negatives(
    channels: int,
) -> None:
    network, pictures = whitening(channels), smooth(300, channels)
    network.fit(3 * pictures)
    # Away from the border, whose patches have zeros in them.
    found = network.layers[0][0](3 * pictures)[:, :, 1:-1, 1:-1].transpose(0, 1).flatten(1)
    components, negatives = found.chunk(2)
    assert torch.equal(components, -negatives)
    torch.testing.assert_close(components.cov(), torch.eye(3), atol=0.03, rtol=0)


def test_a_whitening_layer_is_saved_and_does_not_learn() -> None:
    network = whitening()
    network(smooth(5)).sum().backward()
    assert "layers.0.0.filters" in network.state_dict()
    assert all(p.grad is not None for p in network.parameters())
    assert not any(name.startswith("layers.0") for name, _ in network.named_parameters())


@pytest.mark.parametrize("width", [5, 20])
def test_a_whitening_layer_of_an_impossible_width_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match=f"first of widths is {width}, .* at most 18"):
        whitening(width=width)


@pytest.mark.parametrize(("height", "width", "cells"), [(7, 7, 4), (9, 5, 3), (3, 2, 4), (4, 4, 1)])
def test_the_cells_of_a_raster_are_those_of_adaptive_pooling(
    height: int, width: int, cells: int
) -> None:
    options = {"widths": (4,), "strides": (1,), "pooled_layers": 1, "norm": "batch"}
    network = convnet((1, height, width), first_layer="learned", pool_size=cells, **options)
    x = torch.randn(2, 1, height, width)
    expected = F.adaptive_avg_pool2d(network.features(x), cells).flatten(1)
    torch.testing.assert_close(network(x), expected, atol=1e-6, rtol=0)
