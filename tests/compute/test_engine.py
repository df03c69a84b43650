"""How a batch is shared, what is refused; what several processes compute: tests/distributed."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.constants import default_pg_timeout

from twinview.compute import engine
from twinview.core.errors import ConfigError
from twinview.core.types import Projections

CPU = torch.device("cpu")


def among(count: int, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "processes", lambda: count)
    monkeypatch.setattr(engine, "rank", lambda: place)


def test_parts_are_contiguous_and_together_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    for place in range(4):
        among(4, place, monkeypatch)
        parts.append(engine.own_part(torch.arange(12)).tolist())
    assert parts == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]


def test_what_does_not_divide_is_shared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    for place in range(4):
        among(4, place, monkeypatch)
        parts.append(engine.own_part(torch.arange(6)).tolist())
    assert parts == [[0, 1], [2, 3], [4], [5]]


def test_each_process_has_a_gpu_of_its_own_or_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert engine.choose_device("auto") == torch.device("cuda")
    among(4, 3, monkeypatch)  # on two machines
    assert engine.choose_device("auto") == torch.device("cuda:1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    with pytest.raises(
        ConfigError, match=r"3 processes share 2 GPUs .* set pretrain\.processes .*2"
    ):
        engine.choose_device("cuda")
    assert engine.choose_device("cpu") == CPU


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
    assert engine.own_micro_batch(batch_size, micro_batch) == expected


@pytest.mark.parametrize(
    ("count", "batch_size", "micro_batch", "said"),
    [
        (
            3,
            256,
            None,
            r"batch_size: is 256, and 3 processes cannot share it evenly; set it to 255",
        ),
        (4, 3, None, r"batch_size: is 3, and 4 processes .* set it to 4"),
        (2, 768, 256, r"micro_batch: is 256, .* the 384 examples of each of 2 .* set it to 128"),
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
        engine.own_micro_batch(batch_size, micro_batch)


def test_alone_there_is_nothing_to_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with engine.joined():
        assert (engine.processes(), engine.rank()) == (1, 0)
        projections = Projections(torch.randn(2, 3, 4), None)
        assert engine.gather(projections) is projections
        assert engine.to_first([1, 2]) == [1, 2]
        assert engine.anyone(True) and not engine.anyone(False)
        weight = nn.Parameter(torch.ones(2))
        weight.sum().backward()
        engine.average_gradients([weight])
        assert weight.grad is not None and torch.equal(weight.grad, torch.ones(2))


def test_processes_wait_for_the_first_one_longer_than_torch_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", engine.MEETING: tmp_path / "met"}.items():
        monkeypatch.setenv(name, str(value))
    with engine.joined():
        world = dist.group.WORLD
        assert world is not None
        assert world._get_backend(CPU).options._timeout == engine.LONGEST_WAIT > default_pg_timeout


def test_compiling_needs_a_compiler_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigError, match=r"pretrain\.compile is true.* install g\+\+"):
        engine.compile_in_place(nn.Linear(1, 1), CPU)


def test_a_module_is_compiled_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "true")  # any program that exists: nothing is compiled here
    asked = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: asked.append(self))
    module = nn.Linear(2, 3)
    engine.compile_in_place(module, CPU)
    assert asked == [module]


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_arithmetic_is_as_precise_as_asked(precision: str, dtype: torch.dtype) -> None:
    with engine.arithmetic(CPU, precision):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
