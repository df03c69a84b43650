"""The engine's settings: what they change, and what is refused."""

import pytest
import torch
from torch import nn

from twinview import engine
from twinview.errors import ConfigError

CPU = torch.device("cpu")


def test_compiling_needs_a_compiler_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigError, match=r"pretrain\.compile is true.* install g\+\+"):
        engine.compile_in_place(nn.Linear(1, 1), CPU)


def test_a_compiled_module_keeps_its_names_and_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "true")  # any program that exists: nothing is compiled here
    asked = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: asked.append(self))
    module = nn.Linear(2, 3)
    before = list(module.state_dict())
    engine.compile_in_place(module, CPU)
    assert asked == [module] and list(module.state_dict()) == before


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_arithmetic_is_as_precise_as_asked(precision: str, dtype: torch.dtype) -> None:
    with engine.arithmetic(CPU, precision):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
