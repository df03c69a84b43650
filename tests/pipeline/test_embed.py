"""Stage embed with reduced features: what it writes is what everything else computes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pipeline import embed
from twinview.core import paths
from twinview.core.errors import ConfigError
from twinview.core.reading import Reading
from twinview.data import split_writer, splits
from twinview.data.splits import Prepared
from twinview.models import embeddings, encoder, head
from twinview.models.embedder import Embedder
from twinview.models.encoder import Encoder
from twinview.settings import params

READING = Reading(background=(9, 8, 7))


@pytest.fixture
def made(shapes: Prepared, write_params: Callable[..., Path]) -> Encoder:
    """An encoder and a head that were not trained, in a project's folder."""
    write_params({"embed.components": 6, "pretrain.threads": 1, "pretrain.device": "cpu"})
    split_writer.save(paths.PREPARED, Prepared(**vars(shapes) | {"reading": READING}))
    settings = params.load()
    name, chosen = settings.pretrain.encoder, settings.pretrain.head
    prepared = splits.load(paths.PREPARED)
    description = encoder.Description.for_data(prepared, name, settings.encoders[name])
    own = encoder.build(description, seed=0).eval()
    encoder.save(paths.ENCODER, own)
    head.save(
        paths.HEAD,
        settings.bound("heads", chosen)(own.dim),
        chosen,
        settings.heads[chosen],
        own.dim,
    )
    return own


def test_features_are_reduced_and_projections_are_of_whole_features(
    made: Encoder, shapes: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    embed.main()
    assert f"embed: {made.dim} features are reduced to 6" in capsys.readouterr().out
    parts, test = embeddings.load(paths.EMBEDDINGS), shapes.splits["test"]
    train = parts["train"].features
    assert torch.allclose(train.T @ train / len(train), torch.eye(6), atol=1e-3)
    loaded = Embedder.load(Path("models"))
    # Float32 sums in batches of another size; whitening divides by small deviations.
    assert torch.allclose(loaded.features(test.inputs), parts["test"].features, atol=1e-3)
    assert loaded.mirror and loaded.encoder.description.reading == READING
    assert loaded.reference is not None
    with torch.inference_mode():
        whole = (made(test.inputs) + made(test.inputs.flip(3))) / 2
        expected = head.load(paths.HEAD)(whole)
    projected = embeddings.load(paths.PROJECTIONS)["test"].features
    assert torch.allclose(projected, expected, atol=1e-4)


def test_validation_is_the_measure_of_distances(made: Encoder) -> None:
    embed.main()
    parts, loaded = embeddings.load(paths.EMBEDDINGS), Embedder.load(Path("models"))
    assert loaded.reference is not None
    found = loaded.reference.distances(parts["validation"].features)
    assert float(loaded.reference.percentiles[0]) == pytest.approx(float(found.min()), abs=1e-6)
    assert float(loaded.reference.percentiles[100]) == pytest.approx(float(found.max()), abs=1e-6)
    # Each train example is itself among the rows, which are float16.
    assert float(loaded.reference.distances(parts["train"].features).max()) < 1e-3


def test_more_components_than_train_examples_are_refused(
    made: Encoder, write_params: Callable[..., Path]
) -> None:
    write_params({"embed.components": 96})
    with pytest.raises(ConfigError, match=r"embed\.components is 96, .* 96 train examples"):
        embed.main()
    assert not paths.EMBEDDINGS.exists()
