"""Cross-entropy on labels: supervised training. The head has an output for each class."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.errors import ConfigError, DataError
from twinview.core.types import NO_LABEL
from twinview.learning import log_sum_exp
from twinview.learning.parts import Method, Siamese, output_width


def cross_entropy(encoder: nn.Module, head: nn.Module) -> Method:
    """Trains the head to classify a view of each example that has a label.

    A batch without labels costs zero, with a gradient of zero. Raises DataError for unlabelled
    data.
    """
    classes = output_width(head, "cross_entropy")
    return Siamese(
        encoder, head, _cross_entropy, lambda n: math.log(classes), views=1, supervised=True
    )


DECLARES = declare.Method(
    negatives=None,
    opts_out={"negatives": "it classifies examples and compares none"},
)


def _cross_entropy(z: Tensor, labels: Tensor | None) -> Tensor:
    if labels is None:
        raise DataError.at(
            "methods.cross_entropy",
            "learns from labels, and this data has none",
            "give the labels, or choose a method that learns without",
        )
    if int(labels.max()) >= z.shape[2]:
        raise ConfigError.at(
            "the head's option 'dim'",
            f"is {z.shape[2]}, and the data have more classes",
            f"set it to {int(labels.max()) + 1} or more",
        )
    rows = log_sum_exp.upcast(z).flatten(0, 1)
    if not (labels != NO_LABEL).any():
        return rows.sum() * 0
    return F.cross_entropy(rows, labels.repeat(len(z)), ignore_index=NO_LABEL)
