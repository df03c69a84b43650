"""The options of a convnet that takes no time."""

from typing import Any

SMALL_CONVNET: dict[str, Any] = {
    "first_layer": "learned",
    "widths": (4, 6),
    "strides": (2, 1),
    "pool_size": 2,
    "pooled_layers": 1,
    "norm": "batch",
}
