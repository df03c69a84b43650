"""Every encoder, with the options that a recipe for pictures states, takes its pictures."""

from itertools import product
from typing import Any

import pytest
import torch

from tests.support.plugins import of_modality
from tests.support.workspace import ROOT
from twinview.core import registry
from twinview.settings import params

RECIPES = [
    of for of in map(params.stated, sorted((ROOT / "recipes").glob("*.yaml")))
    if of["data"]["source"] == "folder"
]  # fmt: skip


@pytest.mark.parametrize(
    ("recipe", "name"),
    [*product(RECIPES, of_modality("encoders", "image"))],
    ids=lambda of: of if isinstance(of, str) else f"{of['data']['size']} px",
)
def test_a_training_step_reaches_every_weight(recipe: Any, name: str) -> None:
    shape = (recipe["data"]["channels"], *[recipe["data"]["size"]] * 2)
    torch.manual_seed(0)
    network = registry.bind("encoders", name, recipe["encoders"][name])(shape)
    network(torch.randn(2, *shape)).square().sum().backward()
    assert all(of.grad is not None and of.grad.isfinite().all() for of in network.parameters())
