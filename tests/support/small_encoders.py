"""A small encoder, and what embedding with it needs."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from twinview.data.splits import Prepared
from twinview.models import encoder
from twinview.models.encoder import Description, Encoder

CPU = torch.device("cpu")


def silent(items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
    """The items without a progress bar."""
    return iter(items)


def made(shapes: Prepared) -> Encoder:
    """An untrained encoder for the shapes."""
    options = {
        "widths": (4,),
        "strides": (2,),
        "pool_size": 2,
        "pooled_layers": 1,
        "norm": "batch",
        "first_layer": "learned",
    }
    return encoder.build(Description.for_data(shapes, "convnet", options), 0)
