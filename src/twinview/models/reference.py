"""How far features are from those of the train split, beside the distances of validation.

The distance of a picture is 1 minus the cosine of its features and the nearest train example's. It
shows pictures that are unlike the training data: their features come without an error, and say
little. This is the nearest-neighbour score for unfamiliar inputs of Sun et al. (2022, k = 1), and
its limit is taken from validation examples, which the encoder was not trained on.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from twinview.evaluation.nearest import nearest

_MOST_ROWS = 2000  # train examples that are kept; the file stays small, and distances cheap
_LIMIT = 99  # the percentile of validation's distances


@dataclass(frozen=True)
class Reference:
    """Train features, and how far validation's are from them.

    rows: (m, d), train features of length one, float16. percentiles: (101,) float32, the 0th to the
    100th percentile of the validation examples' distances to the rows.
    """

    rows: Tensor
    percentiles: Tensor

    @property
    def limit(self) -> float:
        """The distance that 99 % of the validation examples stay below."""
        return float(self.percentiles[_LIMIT])

    def distances(self, features: Tensor) -> Tensor:
        """The distance (n,) of each of the features (n, d) to the nearest train example's."""
        cosines, _ = nearest(features, self.rows.float(), 1)
        return 1 - cosines.squeeze(1)


def fit(train: Tensor, validation: Tensor) -> Reference:
    """The reference of train features (n, d) and validation features (m, d).

    Of more than 2,000 train examples every so many-th is kept. Validation's distances are to the
    same examples, so that other distances can be compared with them.
    """
    count = min(len(train), _MOST_ROWS)
    places = torch.arange(count) * len(train) // count
    rows = F.normalize(train[places], dim=1).half()
    distances = Reference(rows, torch.empty(0)).distances(validation)
    percentiles = np.percentile(distances.numpy(), np.arange(101))
    return Reference(rows, torch.from_numpy(percentiles).float())
