"""VICReg: views agree, features vary and are uncorrelated (arXiv 2105.04906, eq. 6)."""

from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from twinview.core import declare
from twinview.learning import log_sum_exp


def vicreg(
    z: Tensor,
    labels: object,
    *,
    invariance_weight: Annotated[float, Gt(0)],
    variance_weight: Annotated[float, Gt(0)],
    covariance_weight: Annotated[float, Ge(0)],
) -> Tensor:
    """The weighted sum of three terms: invariance, variance and covariance.

    Invariance is the mean squared difference of the two views' features. Variance is the mean over
    views and features of what the standard deviation lacks to 1. Covariance is the squared
    covariances of different features, summed over pairs and views, divided by d. Means and weights
    are those of the paper's code; its equation 6 sums the variance term over views.

    Embeddings that are all alike cost .99 variance_weight, since 1e-4 is added to each variance for
    a finite gradient. The loss is invariant under the order of examples and under shift of each
    feature, but neither under scale nor under rotation. It keeps (2, d, d) numbers.

    Parameters
    ----------
    z : (2, n, d), n > 1, the whole batch, since a part of it has other statistics.
    labels : ignored.
    invariance_weight : the paper's lambda. The paper uses 25.
    variance_weight : the paper's mu. The paper uses 25.
    covariance_weight : the paper's nu. The paper uses 1.
    """
    assert len(z) == 2 and z.shape[1] > 1, "VICReg compares two views over examples"
    z = log_sum_exp.upcast(z)
    invariance = (z[0] - z[1]).square().mean()
    centred = z - z.mean(1, keepdim=True)
    covariances = centred.transpose(1, 2) @ centred / (z.shape[1] - 1)
    variances = covariances.diagonal(dim1=1, dim2=2)
    variance = (1 - (variances + 1e-4).sqrt()).relu().mean()
    covariance = (covariances - torch.diag_embed(variances)).square().sum() / z.shape[2]
    return (
        invariance_weight * invariance + variance_weight * variance + covariance_weight * covariance
    )


DECLARES = declare.Objective(
    positives=("views",),
    negatives=None,
    opts_out={
        "negatives": "it compares features over the batch, not examples",
        "rotation": "its features are to be uncorrelated, one by one",
        "float16 gradient": "it grows with the cube of the embeddings",
    },
)
