"""The embeddings of all splits, and their files."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from twinview.compute import processes
from twinview.core import files
from twinview.core.tensor_files import load_tensors, save_tensors
from twinview.core.types import Embeddings
from twinview.data.splits import NAMES, Prepared
from twinview.settings.sections import Embed

Progress = Callable[[Iterable[Tensor], int, str], Iterator[Tensor]]


def embed(
    encoder: nn.Module,
    prepared: Prepared,
    settings: Embed,
    device: torch.device,
    progress: Progress,
) -> dict[str, Embeddings]:
    """The features of every split, on process 0; the other processes get an empty dictionary.

    Processes share whole batches, and the batch size is part of the result, since sums round by
    it. So any number of processes gives the same bits.

    Parameters
    ----------
    encoder : the encoder.
    prepared : the splits.
    settings : the section embed of params.yaml.
    device : computes the features.
    progress : yields the batches, given their number and a title, and may show a bar.
    """
    network = _as_used(encoder, settings, device)
    embedded = {}
    for name, split in prepared.splits.items():
        batches = split.inputs.split(settings.batch_size)
        local = [batches[number] for number in processes.local_rows(torch.arange(len(batches)))]
        shown = progress(local, len(local), f"embed {name}")
        parts = processes.gather_lists([features(network, shown, device)] if local else [])
        if processes.rank() == 0:
            embedded[name] = Embeddings(torch.cat(parts), split.labels, split.ids, split.groups)
    return embedded


def extractor(
    encoder: nn.Module, settings: Embed, device: torch.device
) -> Callable[[Tensor], Tensor]:
    """The function from stored inputs (n, ...) to features (n, d) by which `embed` computes."""
    network = _as_used(encoder, settings, device)
    return lambda inputs: features(network, inputs.split(settings.batch_size), device)


def _as_used(encoder: nn.Module, settings: Embed, device: torch.device) -> nn.Module:
    encoder.to(device).eval()
    return MirroredEncoder(encoder) if settings.mirror else encoder


@torch.inference_mode()
def features(encoder: nn.Module, batches: Iterable[Tensor], device: torch.device) -> Tensor:
    """The features (n, d) float32, on the CPU, of batches of stored inputs."""
    return torch.cat([encoder(batch.to(device)).float().cpu() for batch in batches])


class MirroredEncoder(nn.Module):
    """An encoder of pictures whose features are averaged over a picture and its mirror image."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pictures: Tensor) -> Tensor:
        """The features (n, d) of pictures (n, c, h, w)."""
        mean: Tensor = (self.encoder(pictures) + self.encoder(pictures.flip(3))) / 2
        return mean


@torch.inference_mode()
def project(head: nn.Module, splits: Mapping[str, Embeddings]) -> dict[str, Embeddings]:
    """The projections z (n, d) of embeddings by a head, on the CPU."""
    return {n: replace(part, features=head(part.features)) for n, part in splits.items()}


def save(folder: Path, splits: Mapping[str, Embeddings]) -> None:
    """Writes features, labels and ids of each split; the folder appears when all is written."""
    with files.atomic_folder(folder) as temporary:
        for name, part in splits.items():
            tensors = {"features": part.features, "ids": part.ids}
            tensors |= {} if part.labels is None else {"labels": part.labels}
            tensors |= {} if part.groups is None else {"groups": part.groups}
            save_tensors(temporary / f"{name}.safetensors", tensors)


def load(folder: Path) -> dict[str, Embeddings]:
    """The embeddings that save wrote, by split. Raises DataError for a missing or broken file."""
    tensors = {name: load_tensors(folder / f"{name}.safetensors") for name in NAMES}
    return {
        name: Embeddings(t["features"], t.get("labels"), t["ids"], t.get("groups"))
        for name, t in tensors.items()
    }
