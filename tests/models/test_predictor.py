"""Encoder and probe as they were evaluated."""

from pathlib import Path

import pytest
import torch

from tests.support.used import pictures, save_models


@pytest.mark.parametrize("mirror", [True, False])
def test_features_are_averaged_over_the_mirror_image_where_the_embedder_does_so(
    mirror: bool, tmp_path: Path
) -> None:
    own, x = save_models(tmp_path, mirror=mirror), pictures(9)
    with torch.inference_mode():
        plain, turned = own.encoder(x), own.encoder(x.flip(3))
    expected = (plain + turned) / 2 if mirror else plain
    assert torch.allclose(own.features(x), expected, atol=1e-6)
    assert not torch.allclose(plain, turned, atol=1e-2)
    assert own.shape == (1, 12, 12) and own.embedder.mirror == mirror


def test_many_pictures_come_in_batches_and_in_order(tmp_path: Path) -> None:
    own, x = save_models(tmp_path), pictures(600)
    found = own.features(x)
    # Float32 sums in batches of another size.
    assert torch.allclose(found[550:], own.features(x[550:]), atol=1e-5) and len(found) == 600
