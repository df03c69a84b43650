"""Embeddings: every row once, in order, by an encoder that is not training."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.support.small_encoders import CPU, made, silent
from twinview.core.errors import DataError
from twinview.core.types import Embeddings, Split
from twinview.data.splits import Prepared
from twinview.models import embeddings
from twinview.models.encoder import Encoder
from twinview.settings.sections import Embed


def embed(own: Encoder, shapes: Prepared, mirror: bool = False) -> dict[str, Embeddings]:
    """In batches of 40, which divides none of the splits."""
    return embeddings.embed(
        own, shapes, Embed(batch_size=40, mirror=mirror, components=None), CPU, silent
    )


def test_features_are_the_encoder_s_answers_row_by_row(shapes: Prepared) -> None:
    own = made(shapes)
    found = embed(own, shapes)
    for name, split in shapes.splits.items():
        # Float32 sums in batches of another size.
        assert torch.allclose(found[name].features, own.eval()(split.inputs), atol=1e-5)
        assert torch.equal(found[name].ids, split.ids)
        assert torch.equal(found[name].required_labels(), split.labels)  # type: ignore[arg-type]


def test_mirrored_features_are_the_mean_over_a_picture_and_its_mirror_image(
    shapes: Prepared,
) -> None:
    own = made(shapes)
    found = embed(own, shapes, mirror=True)["test"].features
    flipped = Split(shapes.splits["test"].inputs.flip(3), None, shapes.splits["test"].ids)
    both = [shapes.splits | {"test": split} for split in (shapes.splits["test"], flipped)]
    each = [embed(own, replace(shapes, splits=splits))["test"].features for splits in both]
    assert torch.equal(found, (each[0] + each[1]) / 2)
    assert not torch.equal(found, each[0])


def test_features_are_plain_float32_without_history(shapes: Prepared) -> None:
    features = embed(made(shapes), shapes)["test"].features
    assert features.dtype == torch.float32 and not features.requires_grad
    assert features.shape == (96, 16)


def test_embedding_leaves_the_encoder_s_state_alone(shapes: Prepared) -> None:
    own = made(shapes).train()
    before = {name: t.clone() for name, t in own.state_dict().items()}
    embed(own, shapes)
    assert all(torch.equal(t, before[name]) for name, t in own.state_dict().items())


def test_the_same_batch_size_gives_the_same_bytes(shapes: Prepared, tmp_path: Path) -> None:
    for name in ("a", "b"):
        embeddings.save(tmp_path / name, embed(made(shapes), shapes))
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_what_is_loaded_is_what_was_saved(shapes: Prepared, tmp_path: Path) -> None:
    found = embed(made(shapes), shapes)
    embeddings.save(tmp_path / "embeddings", found)
    for name, part in embeddings.load(tmp_path / "embeddings").items():
        assert torch.equal(part.features, found[name].features)
        assert torch.equal(part.required_labels(), found[name].required_labels())
        assert torch.equal(part.ids, found[name].ids)


def test_a_missing_split_is_named(shapes: Prepared, tmp_path: Path) -> None:
    embeddings.save(tmp_path / "embeddings", embed(made(shapes), shapes))
    (tmp_path / "embeddings/validation.safetensors").unlink()
    with pytest.raises(DataError, match=r"validation\.safetensors is missing"):
        embeddings.load(tmp_path / "embeddings")


def test_progress_is_told_of_every_batch_of_every_split(shapes: Prepared) -> None:
    told = []

    def progress(batches: Iterable[Tensor], total: int, what: str) -> Iterator[Tensor]:
        batches = list(batches)
        told.append((what, total, [len(batch) for batch in batches]))
        return iter(batches)

    embeddings.embed(
        made(shapes), shapes, Embed(batch_size=40, mirror=False, components=None), CPU, progress
    )
    assert told == [
        ("embed train", 3, [40, 40, 16]),
        ("embed validation", 2, [40, 8]),
        ("embed test", 3, [40, 40, 16]),
    ]
