"""Every plug-in, bound to params.yaml's options or, where it declares some, to its quick ones."""

from functools import partial
from typing import Any

import torch
from ruamel.yaml import YAML
from torch import Tensor

from tests.support.workspace import ROOT
from twinview.core import declare, registry

PARAMS = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
# What a method gets that learns by an objective.
OBJECTIVE = "nt_xent"


def options(kind: str, name: str) -> dict[str, Any]:
    """A plug-in's own options, as plain values."""
    stated = {key: of for key, of in PARAMS[kind][name].items() if key != "probability"}
    return {**stated, **registry.declaration(kind, name).quick}


def bound(kind: str, name: str, objective: str = OBJECTIVE) -> Any:
    """The callable, with its options and, of a method that takes one, an objective."""
    made = registry.bind(kind, name, options(kind, name))
    if kind == "methods" and declared_method(name).objective:
        made = partial(made, objective=bound("objectives", objective))
    return made


def objective(name: str) -> Any:
    """An objective of embeddings and labels alone."""
    return partial(bound("objectives", name), **declared_objective(name).without)


def of_modality(kind: str, modality: str) -> list[str]:
    """The plug-ins of a kind that declare a modality."""
    declared = {name: registry.declaration(kind, name) for name in registry.names(kind)}
    return [name for name, of in declared.items() if getattr(of, "modality", None) == modality]


def declared_objective(name: str) -> declare.Objective:
    """What an objective declares."""
    found = registry.declaration("objectives", name)
    assert isinstance(found, declare.Objective)
    return found


def declared_method(name: str) -> declare.Method:
    """What a method declares."""
    found = registry.declaration("methods", name)
    assert isinstance(found, declare.Method)
    return found


def random(*shape: int, seed: int = 0) -> Tensor:
    """Values of a normal distribution, the same for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def labels(n: int) -> Tensor:
    """Labels of three classes, in turn."""
    return torch.arange(n) % 3
