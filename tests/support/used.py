"""Small encoders and probes to use: what the pipeline leaves in models/."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from tests.support.plugins import options
from twinview.core.reading import DEFAULT, Reading
from twinview.core.types import Statistics
from twinview.evaluation.logistic import LogisticModel
from twinview.evaluation.whitening import whitening
from twinview.models import embedder, encoder, probe, reference
from twinview.models.embedder import Embedder
from twinview.models.encoder import Description
from twinview.models.predictor import Predictor

CLASSES = ("bars", "columns", "checks")


def save_models(
    models: Path,
    name: str = "convnet",
    shape: tuple[int, ...] = (1, 12, 12),
    mirror: bool = True,
    seed: int = 0,
    components: int | None = None,
    reading: Reading = DEFAULT,
) -> Predictor:
    """Writes encoder/, embedder/ and probe/ of random weights; what they predict.

    components: to how many the features are reduced.
    """
    statistics = Statistics((0.25,) * shape[0], (0.5,) * shape[0])
    description = Description(name, options("encoders", name), "image", shape, statistics, reading)
    made = encoder.build(description, seed)
    encoder.save(models / "encoder", made)
    random = torch.Generator().manual_seed(seed)
    plain = Embedder(made.eval(), mirror)
    train, validation = (plain.features(pictures(n, shape)) for n in (50, 40))
    mapping = None if components is None else whitening(train, components)
    used = replace(plain, reduction=mapping)
    features = train if mapping is None else mapping(train)
    near = features, validation if mapping is None else mapping(validation)
    embedder.save(models / "embedder", used, reference.fit(*near))
    fitted = LogisticModel(
        features.mean(0),
        features.std(0) + 0.1,
        torch.randn(len(CLASSES), used.dim, generator=random),
        torch.randn(len(CLASSES), generator=random),
    )
    probe.save(models / "probe", probe.with_class_names(fitted, CLASSES), {"C": 0.1})
    return Predictor.load(models)


def pictures(n: int = 5, shape: tuple[int, ...] = (1, 12, 12)) -> Tensor:
    """Noise, uint8 (n, c, h, w)."""
    random = torch.Generator().manual_seed(n)
    return torch.randint(0, 256, (n, *shape), generator=random, dtype=torch.uint8)
