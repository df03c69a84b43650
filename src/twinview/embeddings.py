"""Embeddings of all splits, and their files."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from twinview import artifacts
from twinview.encoder import Encoder
from twinview.splits import NAMES, Prepared
from twinview.types import Embeddings


def embed(
    encoder: Encoder, prepared: Prepared, batch_size: int, device: torch.device
) -> dict[str, Embeddings]:
    """Features of every split; the batch size is part of the result, since sums round by it."""
    return {
        name: Embeddings(
            _features(encoder, split.inputs, batch_size, device), split.labels, split.ids
        )
        for name, split in prepared.splits.items()
    }


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


@torch.inference_mode()
def _features(encoder: Encoder, inputs: Tensor, batch_size: int, device: torch.device) -> Tensor:
    encoder.to(device).eval()
    parts = [encoder(part.to(device)).float().cpu() for part in inputs.split(batch_size)]
    return torch.cat(parts)
