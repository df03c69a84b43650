"""Laws for every probe: each class gets a share, and no row depends on the other rows asked."""

import pytest
import torch

from tests.support.evaluated import features
from tests.support.plugins import PARAMS
from twinview.core import registry


@pytest.mark.parametrize("name", registry.names("probes"))
class TestProbes:
    def shares(self, name: str, rows: slice = slice(None)) -> torch.Tensor:
        options = {option: values[0] for option, values in PARAMS["probes"][name].items()}
        probe, parts = registry.find("probes", name), features()
        found: torch.Tensor = probe(parts["train"], parts["test"].features[rows], **options)
        return found

    def test_the_shares_of_a_row_are_float64_and_sum_to_one(self, name: str) -> None:
        shares = self.shares(name)
        assert shares.shape == (45, 3) and shares.dtype == torch.float64
        assert shares.min() >= 0 and torch.allclose(shares.sum(1), torch.ones(45).double())

    def test_the_largest_share_is_mostly_that_of_the_right_class(self, name: str) -> None:
        right = self.shares(name).argmax(1) == features()["test"].required_labels()
        assert right.double().mean() > 0.6

    def test_a_row_gets_the_same_shares_without_the_others(self, name: str) -> None:
        some = self.shares(name, slice(7))
        assert torch.allclose(some, self.shares(name)[:7], rtol=1e-5)  # float32 underneath
