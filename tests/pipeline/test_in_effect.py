"""What DVC compares of params.yaml before it trains again: settings in use, and no others."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo

from tests.support.workspace import ROOT

Write = Callable[[dict[str, Any]], Path]
TRIPLET = {"pretrain.method": "siamese", "pretrain.objective": "triplet"}


@pytest.fixture
def compared(folder: Path, write_params: Write) -> Callable[[dict[str, Any]], Any]:
    """The settings that DVC compares for the stage pretrain, in a project of params.yaml's."""
    Repo.init(str(folder), no_scm=True).close()
    shutil.copy(ROOT / "dvc.yaml", folder)

    def of(changes: dict[str, Any]) -> Any:
        write_params(changes)
        with Repo(str(folder)) as repo:
            (stage,) = (one for one in repo.index.stages if one.name == "pretrain")
            (settings,) = (dep for dep in stage.deps if isinstance(dep, ParamsDependency))
            assert isinstance(settings, ParamsDependency)
            return settings.get_hash().value  # fails for a setting that does not exist

    return of


@pytest.mark.parametrize("chosen", [{}, TRIPLET], ids=["simclr", "siamese"])
def test_an_option_of_an_objective_that_is_not_in_use_leaves_pretrain_up_to_date(
    chosen: dict[str, Any], compared: Callable[[dict[str, Any]], Any]
) -> None:
    before = compared(chosen)
    unused = {"objectives.dcl.temperature": 0.9, "methods.byol.decay": 0.5}
    unused |= {} if chosen else {"objectives.triplet.margin": 0.9}
    assert compared(unused) == before


def test_an_option_of_the_objective_in_use_makes_pretrain_stale(
    compared: Callable[[dict[str, Any]], Any],
) -> None:
    before = compared(TRIPLET)
    assert before["objectives.triplet"]["margin"] == 0.1
    assert compared({"objectives.triplet.margin": 0.9}) != before
