"""How a contender computes the features of further inputs, such as augmented views.

The folder of a baseline holds what it takes: the encoder, or the principal components. Raw inputs
take nothing.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from twinview.core.tensor_files import load_tensors, save_tensors
from twinview.evaluation import baselines
from twinview.evaluation.baselines import Components
from twinview.models import embeddings, encoder, head
from twinview.models.encoder import Encoder
from twinview.settings.sections import Embed
from twinview.views.sample import SampledViews

Extractor = Callable[[Tensor], Tensor]  # stored inputs (n, ...) to features (n, d)
ViewFeatures = Callable[[str, int, int], Tensor]  # see of_views

_ENCODER = "encoder"
_COMPONENTS = "components.safetensors"


def of_views(sampled: SampledViews, load: Callable[[], Extractor]) -> ViewFeatures:
    """A function (split, count, seed) to the features (2, n, d) of two views of random examples.

    sampled : renders the views. load : makes the extractor, when features are first asked for.
    """

    def features(split: str, count: int, seed: int) -> Tensor:
        views, extract = sampled.take(split, count, seed), load()
        return torch.stack([extract(view) for view in views])

    return features


def of_encoder(folder: Path, options: Embed, device: torch.device) -> Extractor:
    """The features of a saved encoder, computed as those of the splits are."""
    return embeddings.extractor(encoder.load(folder), options, device)


def of_head(extract: Extractor, folder: Path) -> Extractor:
    """The projections of features by a saved head."""
    project = head.load(folder)

    def projections(inputs: Tensor) -> Tensor:
        with torch.inference_mode():
            z: Tensor = project(extract(inputs))
            return z

    return projections


def of_baseline(
    folder: Path, sampled: SampledViews, options: Embed, device: torch.device
) -> Extractor:
    """The extractor of the baseline whose embeddings lie in a folder, for the sampled views."""
    modality = sampled.modality
    if (folder / _ENCODER).is_dir():
        return of_encoder(folder / _ENCODER, options, device)
    if (folder / _COMPONENTS).is_file():
        found = Components(**load_tensors(folder / _COMPONENTS))
        return lambda inputs: found.transform(baselines.flatten(modality, inputs))
    return lambda inputs: baselines.flatten(modality, inputs)


def save_encoder(folder: Path, network: Encoder) -> None:
    """Writes the encoder of a baseline into the folder of its embeddings."""
    encoder.save(folder / _ENCODER, network)


def save_components(folder: Path, components: Components) -> None:
    """Writes the principal components of a baseline into the folder of its embeddings."""
    save_tensors(folder / _COMPONENTS, components._asdict())
