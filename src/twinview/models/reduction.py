"""Features reduced to fewer by whitened PCA, fitted on the train split: embed.components."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from twinview.core.errors import ConfigError
from twinview.core.types import Embeddings
from twinview.evaluation.whitening import Whitening, whitening


def reduce(
    splits: Mapping[str, Embeddings], components: int | None
) -> tuple[dict[str, Embeddings], Whitening | None]:
    """The embeddings with fewer features, and the map that reduces them.

    components: how many features are wanted; None: the embeddings stay as they are. Where the train
    features vary in fewer directions, there are so many.
    """
    if components is None:
        return dict(splits), None
    reduction = whitening(splits["train"].features, components)
    reduced = {
        name: replace(part, features=reduction.of_many(part.features))
        for name, part in splits.items()
    }
    return reduced, reduction


class ReducedEncoder(nn.Module):
    """An encoder whose features are whitened."""

    mean: Tensor
    projection: Tensor

    def __init__(self, network: nn.Module, reduction: Whitening) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", reduction.mean)
        self.register_buffer("projection", reduction.projection)

    def forward(self, pictures: Tensor) -> Tensor:
        """The features (n, k) of pictures (n, c, h, w)."""
        return Whitening(self.mean, self.projection)(self.network(pictures))


def require_possible(components: int | None, dim: int, examples: int) -> None:
    """Raises ConfigError when features cannot be reduced to so many.

    Parameters
    ----------
    components : embed.components.
    dim : the number of the encoder's features.
    examples : the number of train examples.
    """
    most = min(dim, examples - 1)
    if components is not None and components > most:
        raise ConfigError.at(
            "embed.components",
            f"is {components}, but {dim} features of {examples:,} train examples can be reduced to "
            f"{most} at most",
            "lower it, or set null to keep all features",
        )
