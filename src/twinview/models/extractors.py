"""How a contender computes the features of further inputs, such as augmented views."""

import functools
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from twinview.models import baseline_files, embeddings, head
from twinview.models.embedder import Embedder
from twinview.settings.sections import Embed
from twinview.views.sample import SampledViews

Extractor = Callable[[Tensor], Tensor]  # stored inputs (n, ...) to features (n, d)
ViewFeatures = Callable[..., Tensor]  # see of_views


def of_views(sampled: SampledViews, load: Callable[[], Extractor]) -> ViewFeatures:
    """A function (split, count, seed) to the features (2, n, d) of two views of random examples.

    With a fourth argument, a pair of numbers, it gives those of two companions of texts, as they
    are. sampled : renders the views. load : makes the extractor, when features are first asked for.
    """

    extractor = functools.cache(load)

    def features(
        split: str, count: int, seed: int, companions: tuple[int, int] | None = None
    ) -> Tensor:
        if companions is None:
            views = sampled.take(split, count, seed)
        else:
            views = sampled.take_companions(split, count, seed, companions)
        extract = extractor()
        return torch.stack([extract(view) for view in views])

    return features


def of_encoder(models: Path, batch_size: int, device: torch.device) -> Extractor:
    """The features of the saved encoder, mirrored and reduced as those of the splits are.

    models : the folder with encoder/ and embedder/.
    """
    return _of_network(Embedder.load(models).network, batch_size, device)


def of_head(models: Path, batch_size: int, device: torch.device) -> Extractor:
    """The projections by the saved head, which takes features before they are reduced.

    models : the folder with encoder/, embedder/ and head/.
    """
    whole = replace(Embedder.load(models), reduction=None)
    extract, project = _of_network(whole.network, batch_size, device), head.load(models / "head")

    def projections(inputs: Tensor) -> Tensor:
        with torch.inference_mode():
            z: Tensor = project(extract(inputs))
            return z

    return projections


def of_baseline(
    folder: Path, sampled: SampledViews, options: Embed, device: torch.device
) -> Extractor:
    """The extractor of the baseline whose embeddings lie in a folder, for the sampled views."""
    network, reduction, fitted = baseline_files.load(folder)
    if network is not None:
        embedder = Embedder(network, options.mirror, reduction)
        return _of_network(embedder.network, options.batch_size, device)
    raw = partial(sampled.modality.raw, fitted=fitted)
    return raw if reduction is None else lambda inputs: reduction(raw(inputs))


def _of_network(network: nn.Module, batch_size: int, device: torch.device) -> Extractor:
    network.to(device).eval()
    return lambda inputs: embeddings.features(network, inputs.split(batch_size), device)
