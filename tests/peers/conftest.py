"""What every comparison is made on."""

import pytest
from torch import Tensor

from tests.objectives.shared import embeddings
from tests.peers.shared import D, N


@pytest.fixture(params=range(3))
def z(request: pytest.FixtureRequest) -> Tensor:
    """Two views, random: (2, 7, 5) float64, of lengths that differ."""
    return embeddings(N, D, request.param)


@pytest.fixture(params=[0.07, 0.2, 1.0])
def temperature(request: pytest.FixtureRequest) -> float:
    return float(request.param)
