"""The nearest rows by cosine."""

import sys

import pytest
import torch
import torch.nn.functional as F

from tests.support.commands import output
from twinview.evaluation.nearest import nearest

GROWTH = """
import resource, torch
from twinview.compute import devices
from twinview.evaluation.nearest import nearest
devices.set_threads(1)
bank = torch.randn(10_000, 8)
peaks = []
for parts in (1, 20):
    nearest(bank[:1000].repeat(parts, 1), bank, 20)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(peaks[1] - peaks[0])
"""


@pytest.mark.parametrize(("queries", "count"), [(1, 1), (999, 3), (1000, 5), (2300, 7), (5, 99)])
def test_the_nearest_are_those_of_the_whole_table(queries: int, count: int) -> None:
    random = torch.Generator().manual_seed(0)
    q, bank = torch.randn(queries, 6, generator=random), torch.randn(60, 6, generator=random)
    table = F.normalize(q, dim=1) @ F.normalize(3 * bank, dim=1).T
    cosines, rows = nearest(q, bank, count)
    assert cosines.shape == rows.shape == (queries, min(count, 60))
    torch.testing.assert_close(cosines, table.gather(1, rows))
    torch.testing.assert_close(cosines, table.topk(min(count, 60), dim=1).values)


def test_more_queries_take_no_more_memory() -> None:
    """Each thousand takes 40 MB meanwhile; results between them once made the heap grow by it."""
    assert int(output(sys.executable, "-c", GROWTH)) < 60_000, "kilobytes"
