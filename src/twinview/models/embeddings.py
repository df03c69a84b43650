"""Embeddings of all splits, and their files."""

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
    own: Embed,
    device: torch.device,
    progress: Progress,
) -> dict[str, Embeddings]:
    """Features of every split; the batch size is part of the result, since sums round by it.

    own: also says whether they are averaged over a picture and its mirror image. Processes share
    whole batches, so that the result, which the first one has, is equal to the bit.
    progress: hands the batches on, given their number and the split's name, and may show a bar.
    """
    encoder.to(device).eval()
    asked = MirroredEncoder(encoder) if own.mirror else encoder
    found = {}
    for name, split in prepared.splits.items():
        batches = split.inputs.split(own.batch_size)
        mine = [batches[number] for number in processes.local_rows(torch.arange(len(batches)))]
        shown = progress(mine, len(mine), f"embed {name}")
        everyones = processes.gather_lists([features(asked, shown, device)] if mine else [])
        if processes.rank() == 0:
            found[name] = Embeddings(torch.cat(everyones), split.labels, split.ids)
    return found


@torch.inference_mode()
def features(encoder: nn.Module, batches: Iterable[Tensor], device: torch.device) -> Tensor:
    """(n, d) float32 on the CPU, of batches of stored inputs."""
    return torch.cat([encoder(batch.to(device)).float().cpu() for batch in batches])


class MirroredEncoder(nn.Module):
    """An encoder of pictures, averaged over them and their mirror images."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, c, h, w) to (n, dim)."""
        mean: Tensor = (self.encoder(pictures) + self.encoder(pictures.flip(3))) / 2
        return mean


@torch.inference_mode()
def project(head: nn.Module, splits: Mapping[str, Embeddings]) -> dict[str, Embeddings]:
    """What a head makes of embeddings, on the CPU: the z (n, d) to their h."""
    return {n: replace(part, features=head(part.features)) for n, part in splits.items()}


def save(folder: Path, splits: Mapping[str, Embeddings]) -> None:
    """Writes features, labels and ids of each split; the folder appears when all is written."""
    with files.atomic_folder(folder) as temporary:
        for name, part in splits.items():
            tensors = {"features": part.features, "ids": part.ids}
            tensors |= {} if part.labels is None else {"labels": part.labels}
            save_tensors(temporary / f"{name}.safetensors", tensors)


def load(folder: Path) -> dict[str, Embeddings]:
    """The embeddings that save wrote, by split."""
    found = {name: load_tensors(folder / f"{name}.safetensors") for name in NAMES}
    return {n: Embeddings(t["features"], t.get("labels"), t["ids"]) for n, t in found.items()}
