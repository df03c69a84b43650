"""Embeddings of all splits, and their files."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from twinview import artifacts
from twinview.splits import NAMES, Prepared
from twinview.types import Embeddings

Progress = Callable[[Iterable[Tensor], int, str], Iterator[Tensor]]


def embed(
    encoder: nn.Module,
    prepared: Prepared,
    batch_size: int,
    device: torch.device,
    progress: Progress,
) -> dict[str, Embeddings]:
    """Features of every split; the batch size is part of the result, since sums round by it.

    progress: hands the batches on, given their number and the split's name, and may show a bar.
    """
    encoder.to(device).eval()
    found = {}
    for name, split in prepared.splits.items():
        batches = split.inputs.split(batch_size)
        shown = progress(batches, len(batches), f"embed {name}")
        found[name] = Embeddings(features(encoder, shown, device), split.labels, split.ids)
    return found


@torch.inference_mode()
def features(encoder: nn.Module, batches: Iterable[Tensor], device: torch.device) -> Tensor:
    """(n, d) float32 on the CPU, of batches of stored inputs."""
    return torch.cat([encoder(batch.to(device)).float().cpu() for batch in batches])


@torch.inference_mode()
def projected(head: nn.Module, splits: Mapping[str, Embeddings]) -> dict[str, Embeddings]:
    """What a head makes of embeddings, on the CPU: the z (n, d) to their h."""
    return {n: replace(part, features=head(part.features)) for n, part in splits.items()}


def save(folder: Path, splits: Mapping[str, Embeddings]) -> None:
    """Writes features, labels and ids of each split; the folder appears when all is written."""
    with artifacts.atomic_folder(folder) as temporary:
        for name, part in splits.items():
            tensors = {"features": part.features, "ids": part.ids}
            tensors |= {} if part.labels is None else {"labels": part.labels}
            artifacts.save_tensors(temporary / f"{name}.safetensors", tensors)


def load(folder: Path) -> dict[str, Embeddings]:
    """The embeddings that save wrote, by split."""
    found = {name: artifacts.load_tensors(folder / f"{name}.safetensors") for name in NAMES}
    return {n: Embeddings(t["features"], t.get("labels"), t["ids"]) for n, t in found.items()}
