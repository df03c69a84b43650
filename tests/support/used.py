"""Small encoders and probes to use: what the pipeline leaves in models/."""

from pathlib import Path

import torch
from torch import Tensor

from tests.support.plugins import options
from twinview.core.types import Statistics
from twinview.evaluation.logistic import LogisticModel
from twinview.models import encoder, probe
from twinview.models.encoder import Description
from twinview.models.predictor import Predictor

CLASSES = ("bars", "columns", "checks")


def save_models(
    models: Path,
    name: str = "convnet",
    shape: tuple[int, ...] = (1, 12, 12),
    mirror: bool = True,
    seed: int = 0,
) -> Predictor:
    """Writes encoder/ and probe/ of random weights that tell pictures apart; what they predict."""
    statistics = Statistics((0.25,) * shape[0], (0.5,) * shape[0])
    description = Description(name, options("encoders", name), "image", shape, statistics)
    made = encoder.build(description, seed)
    encoder.save(models / "encoder", made)
    random = torch.Generator().manual_seed(seed)
    features = made.eval()(pictures(50, shape)).detach()
    fitted = LogisticModel(
        features.mean(0),
        features.std(0) + 0.1,
        torch.randn(len(CLASSES), made.dim, generator=random),
        torch.randn(len(CLASSES), generator=random),
    )
    probe.save(models / "probe", probe.with_class_names(fitted, CLASSES, mirror), {"C": 0.1})
    return Predictor.load(models)


def pictures(n: int = 5, shape: tuple[int, ...] = (1, 12, 12)) -> Tensor:
    """Noise, uint8 (n, c, h, w)."""
    random = torch.Generator().manual_seed(n)
    return torch.randint(0, 256, (n, *shape), generator=random, dtype=torch.uint8)
