"""The modality of pictures."""

import pytest
import torch
from torch import Tensor

from twinview.core.errors import DataError
from twinview.modalities.image import image


def pictures(channels: int) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 200, (50, channels, 4, 5), generator=random, dtype=torch.uint8)


def test_values_are_rounded_to_the_nearest_byte() -> None:
    x = torch.tensor([0.0, 0.4, 0.6, 254.4, 254.6, 255.0]) / 255
    assert image().pack(x).tolist() == [0, 0, 1, 254, 255, 255]


def test_unpacking_gives_a_new_tensor_in_zero_to_one() -> None:
    stored = torch.tensor([0, 51, 255], dtype=torch.uint8)
    assert image().unpack(stored).tolist() == pytest.approx([0.0, 0.2, 1.0])


@pytest.mark.parametrize("channels", [1, 3])
def test_each_channel_has_its_own_mean_and_population_deviation(channels: int) -> None:
    x = pictures(channels)
    x[:, -1] //= 2
    found, scaled = image().statistics(x), x.double() / 255
    assert found.mean == pytest.approx(scaled.mean((0, 2, 3)).tolist())
    assert found.std == pytest.approx(scaled.std((0, 2, 3), correction=0).tolist())


def test_standardised_pictures_have_mean_zero_and_deviation_one() -> None:
    x = pictures(3)
    y = image().standardise(image().statistics(x))(x)
    # Float32 means of a thousand pixels.
    assert torch.allclose(y.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(y.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5)


def test_pictures_of_one_colour_can_be_standardised() -> None:
    x = torch.full((5, 1, 4, 4), 77, dtype=torch.uint8)
    assert image().standardise(image().statistics(x))(x).isfinite().all()


@pytest.mark.parametrize(
    "inputs",
    [
        torch.zeros(5, 1, 4, 4),
        torch.zeros(5, 4, 4, dtype=torch.uint8),
        torch.zeros(5, 2, 4, 4, dtype=torch.uint8),
    ],
    ids=["floats", "no channels", "two channels"],
)
def test_what_is_no_picture_is_refused_with_its_type_and_shape(inputs: Tensor) -> None:
    with pytest.raises(DataError) as caught:
        image().check(inputs)
    assert str(tuple(inputs.shape)) in str(caught.value) and str(inputs.dtype) in str(caught.value)
