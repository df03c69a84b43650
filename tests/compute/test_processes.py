"""How a batch is shared, what is refused; what several processes compute: tests/distributed."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.constants import default_pg_timeout

from twinview.compute import processes
from twinview.core.errors import ConfigError
from twinview.core.types import Projections

CPU = torch.device("cpu")


def among(count: int, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "world_size", lambda: count)
    monkeypatch.setattr(processes, "rank", lambda: place)


def test_parts_are_contiguous_and_together_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    for place in range(4):
        among(4, place, monkeypatch)
        parts.append(processes.local_rows(torch.arange(12)).tolist())
    assert parts == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]


def test_what_does_not_divide_is_shared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    for place in range(4):
        among(4, place, monkeypatch)
        parts.append(processes.local_rows(torch.arange(6)).tolist())
    assert parts == [[0, 1], [2, 3], [4], [5]]


@pytest.mark.parametrize(
    ("count", "batch_size", "micro_batch", "expected"),
    [
        (1, 256, None, 256),
        (1, 256, 64, 64),
        (2, 256, None, 128),
        (4, 256, 64, 64),
        (2, 256, 256, 128),  # a part is smaller than the chunk
    ],
)
def test_a_process_encodes_its_part_or_a_chunk_of_it(
    count: int,
    batch_size: int,
    micro_batch: int | None,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    among(count, 0, monkeypatch)
    assert processes.local_micro_batch(batch_size, micro_batch) == expected


@pytest.mark.parametrize(
    ("count", "batch_size", "micro_batch", "said"),
    [
        (
            3,
            256,
            None,
            r"batch_size is 256, which 3 processes cannot share evenly; set it to 255",
        ),
        (4, 3, None, r"batch_size is 3, which 4 processes .* set it to 4"),
        (2, 768, 256, r"micro_batch is 256, .* the 384 examples of each of 2 .* set it to 128"),
    ],
)
def test_what_cannot_be_shared_is_refused(
    count: int,
    batch_size: int,
    micro_batch: int | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    among(count, 0, monkeypatch)
    with pytest.raises(ConfigError, match=said):
        processes.local_micro_batch(batch_size, micro_batch)


def test_alone_there_is_nothing_to_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with processes.process_group():
        assert (processes.world_size(), processes.rank()) == (1, 0)
        projections = Projections(torch.randn(2, 3, 4), None)
        assert processes.gather_projections(projections) is projections
        assert processes.gather_lists([1, 2]) == [1, 2]
        assert processes.any_process(True) and not processes.any_process(False)
        weight = nn.Parameter(torch.ones(2))
        weight.sum().backward()
        processes.average_gradients([weight])
        assert weight.grad is not None and torch.equal(weight.grad, torch.ones(2))


def test_processes_wait_for_the_first_one_longer_than_torch_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "RANK": "0",
        "WORLD_SIZE": "1",
        processes.RENDEZVOUS_FILE: tmp_path / "met",
    }.items():
        monkeypatch.setenv(name, str(value))
    with processes.process_group():
        world = dist.group.WORLD
        assert world is not None
        assert world._get_backend(CPU).options._timeout == processes.TIMEOUT > default_pg_timeout
