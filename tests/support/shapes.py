"""Small pictures that classes can be told apart by: a shape at a random place, of random light."""

import torch
from torch import Tensor

from twinview.core.types import Source, Split
from twinview.data.source_splits import split_source
from twinview.data.splits import Prepared

SIZE = 12
CLASSES = ("bars", "columns", "checks")


def prepared_shapes(train: int, validation: int, test: int, seed: int) -> Prepared:
    sizes = {"train": train, "validation": validation, "test": test}
    return split_source(shapes_source(train + validation, test, seed), sizes, seed)


def shapes_source(fit: int, test: int, seed: int) -> Source:
    """As many rows as asked for, ids from 1000 on; classes take turns."""
    both = shapes_split(fit + test, seed)
    rows = torch.arange(fit + test)
    return Source(both.take(rows[:fit]), both.take(rows[fit:]), CLASSES, "image")


def shapes_split(n: int, seed: int) -> Split:
    """A 7 x 7 patch of stripes or checks on black: grey, (n, 1, 12, 12)."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % len(CLASSES)
    inputs = torch.zeros(n, 1, SIZE, SIZE)
    for row in range(n):
        top, left, phase = torch.randint(0, 6, (3,), generator=random).tolist()
        light = 0.4 + 0.6 * torch.rand((), generator=random)
        inputs[row, 0, top : top + 7, left : left + 7] = light * _pattern(int(labels[row]), phase)
    inputs += 0.1 * torch.rand(inputs.shape, generator=random)
    pixels = (inputs.clamp(0, 1) * 255).round().to(torch.uint8)
    return Split(pixels, labels, torch.arange(1000, 1000 + n))


def _pattern(label: int, phase: int) -> Tensor:
    along = (torch.arange(7) + phase) % 4 < 2
    pairs = (along[:, None].expand(7, 7), along.expand(7, 7), along[:, None] ^ along)
    return pairs[label].float()
