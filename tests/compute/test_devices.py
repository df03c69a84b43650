"""Which device computes, how precisely, and whether compiled."""

import pytest
import torch
from torch import nn

from twinview.compute import devices, processes
from twinview.core.errors import ConfigError

CPU = torch.device("cpu")


def test_each_process_has_a_gpu_of_its_own_or_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert devices.choose_device("auto") == torch.device("cuda")
    monkeypatch.setattr(processes, "world_size", lambda: 4)  # on two machines
    assert devices.choose_device("auto") == torch.device("cuda:1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    with pytest.raises(
        ConfigError,
        match=r"pretrain\.processes is too large: 3 processes share 2 GPUs .* set it .* to 2",
    ):
        devices.choose_device("cuda")
    assert devices.choose_device("cpu") == CPU


def test_compiling_needs_a_compiler_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigError, match=r"pretrain\.compile is true, but .*; install g\+\+"):
        devices.compile_in_place(nn.Linear(1, 1), CPU)


def test_a_module_is_compiled_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "true")  # any program that exists: nothing is compiled here
    asked = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: asked.append(self))
    module = nn.Linear(2, 3)
    devices.compile_in_place(module, CPU)
    assert asked == [module]


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_arithmetic_is_as_precise_as_asked(precision: str, dtype: torch.dtype) -> None:
    with devices.autocast(CPU, precision):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
