"""Cross-entropy on labels: the supervised comparison. The head's outputs are the classes."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from twinview.core import declare
from twinview.core.errors import ConfigError, DataError
from twinview.learning import log_sum_exp
from twinview.learning.parts import Method, Siamese, output_width


def cross_entropy(encoder: nn.Module, head: nn.Module) -> Method:
    """One view an example, its label named by the head. Raises DataError for unlabelled data."""
    classes = output_width(head, "cross_entropy")
    return Siamese(
        encoder, head, _name_the_class, lambda n: math.log(classes), views=1, supervised=True
    )


DECLARES = declare.Method(
    negatives=None,
    opts_out={"negatives": "it names classes"},
)


def _name_the_class(z: Tensor, labels: Tensor | None) -> Tensor:
    if labels is None:
        raise DataError("methods.cross_entropy learns from labels, and this data has none")
    if int(labels.max()) >= z.shape[2]:
        raise ConfigError(
            f"methods.cross_entropy: the head has {z.shape[2]} outputs and the data more classes; "
            "raise the head's option 'dim'"
        )
    return F.cross_entropy(log_sum_exp.upcast(z).flatten(0, 1), labels.repeat(len(z)))
