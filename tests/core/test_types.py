"""Batches on their way to a device."""

import pytest
import torch
from torch import Tensor

from twinview.core.types import Batch

PICTURES, NUMBERS = torch.zeros(2, 3, 1, 4, 4, dtype=torch.uint8), torch.arange(3)
WHOLE = Batch(PICTURES, NUMBERS, NUMBERS + 7, PICTURES[..., :2, :2])


@pytest.mark.parametrize("batch", [WHOLE, Batch(PICTURES, None, NUMBERS)])
def test_a_batch_goes_to_a_gpu_from_pinned_memory_and_nobody_waits(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    went: list[tuple[str, bool]] = []

    def to(x: Tensor, device: torch.device, non_blocking: bool) -> Tensor:
        went.append((device.type, non_blocking))
        return x

    monkeypatch.setattr(Tensor, "pin_memory", lambda x: x + 1)
    monkeypatch.setattr(Tensor, "to", to)
    moved = batch.to(torch.device("cuda"))
    for one, other in zip(vars(batch).values(), vars(moved).values(), strict=True):
        assert one is other is None or torch.equal(one + 1, other)
    assert went == [("cuda", True)] * sum(x is not None for x in vars(batch).values())


def test_a_batch_on_the_cpu_stays_what_it_is() -> None:
    moved = WHOLE.to(torch.device("cpu"))
    pairs = zip(vars(WHOLE).values(), vars(moved).values(), strict=True)
    assert all(one is other for one, other in pairs)
