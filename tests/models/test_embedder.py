"""The embedder: encoder, mirroring, reduction and reference, saved and loaded as one."""

import re
from pathlib import Path

import pytest
import torch

from tests.support.used import pictures, save_models
from twinview.core.errors import DataError
from twinview.core.tensor_files import load_tensors, save_tensors
from twinview.models import embedder
from twinview.models.embedder import Embedder


def test_reduced_features_are_the_encoder_s_whitened(tmp_path: Path) -> None:
    plain = save_models(tmp_path / "plain").embedder
    used = save_models(tmp_path / "reduced", components=4).embedder
    assert used.reduction is not None and used.dim == 4 and used.features(pictures(9)).shape[1] == 4
    expected = used.reduction(plain.features(pictures(9)))
    # Float32 sums in batches of another size; whitening divides by small deviations.
    assert torch.allclose(used.features(pictures(9)), expected, atol=1e-3)
    train = used.features(pictures(50))
    assert torch.allclose(train.T @ train / 50, torch.eye(4), atol=1e-2)


@pytest.mark.parametrize("components", [None, 4])
def test_equal_embedders_give_equal_bytes(components: int | None, tmp_path: Path) -> None:
    used = save_models(tmp_path, components=components).embedder
    assert used.reference is not None
    embedder.save(tmp_path / "again", used, used.reference)
    for name in (embedder.WEIGHTS, embedder.DESCRIPTION):
        again, first = tmp_path / "again" / name, tmp_path / "embedder" / name
        assert again.read_bytes() == first.read_bytes()


def test_the_embedder_of_another_encoder_is_refused(tmp_path: Path) -> None:
    save_models(tmp_path / "a")
    save_models(tmp_path / "b", shape=(1, 12, 12), components=4)
    description = tmp_path / "b/embedder" / embedder.DESCRIPTION
    text = description.read_text()
    description.write_text(re.sub(r'"encoder_dim": \d+', '"encoder_dim": 7', text))
    with pytest.raises(DataError, match="is of an encoder of 7 features, reduced to 4, but"):
        Embedder.load(tmp_path / "b")


@pytest.mark.parametrize("name", ["rows", "projection"])
def test_a_tensor_that_is_missing_is_named(name: str, tmp_path: Path) -> None:
    save_models(tmp_path, components=4)
    path = tmp_path / "embedder" / embedder.WEIGHTS
    tensors = load_tensors(path)
    del tensors[name]
    save_tensors(path, tensors)
    with pytest.raises(DataError, match=f"has no '{name}'"):
        Embedder.load(tmp_path)
