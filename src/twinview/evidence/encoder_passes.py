"""Equal budgets: the epochs in which a method encodes an example as often as SimCLR does."""

import math
from collections.abc import Collection
from itertools import count

import torch
from torch import Tensor, nn

from twinview.core.errors import ConfigError
from twinview.core.types import Batch
from twinview.settings.params import Params


def shares(settings: Params, methods: Collection[str], epochs: int) -> dict[str, int]:
    """For each method, the epochs that encode an example as often as SimCLR's epochs do.

    Parameters
    ----------
    settings : where the methods' options stand.
    methods : the names of the methods.
    epochs : those of SimCLR.

    Raises
    ------
    ConfigError : a method would have no whole number of epochs, or would end within the warm-up.
    """
    passes = {name: passes_of(settings, name) for name in methods}
    ours, warmup = passes_of(settings, "simclr"), settings.pretrain.warmup_epochs

    def fits(number: int, own: float) -> bool:
        return number * ours % own == 0 and number * ours / own > warmup

    for name, own in sorted(passes.items()):
        if not fits(epochs, own):
            near = next(n for n in count(epochs) if all(fits(n, each) for each in passes.values()))
            raise ConfigError(
                f"--epochs is {epochs}: {name} would train for {epochs * ours / own:g} epochs to "
                f"encode an example as often, and pretrain.warmup_epochs is {warmup:g}; the next "
                f"number that suits all is {near}"
            )
    return {name: int(epochs * ours / own) for name, own in passes.items()}


def passes_of(settings: Params, method: str) -> float:
    """The number of times that a step of the method encodes an example.

    Passes through a slow copy of the encoder count, small crops do not.
    """
    n, shape = 64, (1, 4, 4)
    head = settings.bound("heads", settings.pretrain.head)(math.prod(shape))
    made = settings.bound("methods", method)(_Counter(), head)
    _Counter.values = 0
    made.project(Batch(torch.randn(made.views, n, *shape), torch.arange(n) % 2, torch.arange(n)))
    return _Counter.values / (n * math.prod(shape))


class _Counter(nn.Module):
    """An encoder that counts its input values; the copies of it add to the same count."""

    values = 0

    def forward(self, views: Tensor) -> Tensor:
        """(v, n, ...) to (v, n, d)."""
        _Counter.values += views.numel()
        return views.flatten(2)
