"""Data without labels: refused before the training, which runs by itself all the same."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline import baselines
from tests.support.workspace import ROOT
from twinview.compute import devices
from twinview.core import paths
from twinview.core.errors import DataError
from twinview.data import splits
from twinview.data.splits import Prepared

STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]


def test_the_baselines_refuse_them_and_say_what_works(
    write_params: Callable[..., Path], shapes: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params({})
    monkeypatch.setattr(devices, "set_threads", lambda count: None)
    bare = {name: replace(part, labels=None) for name, part in shapes.splits.items()}
    splits.save(paths.PREPARED, replace(shapes, splits=bare))
    with pytest.raises(DataError, match=r"no labels.*`dvc repro embed` trains and embeds without"):
        baselines.main()
    assert not paths.BASELINES.exists()


def test_the_baselines_run_before_the_training() -> None:
    """DVC runs stages that do not wait for each other in the order of its file."""
    assert list(STAGES).index("baselines") < list(STAGES).index("pretrain")


def test_the_embeddings_need_no_stage_that_needs_labels() -> None:
    makers = {out: name for name, stage in STAGES.items() for out in _outs(name)}
    waiting, needed = ["embed"], set()
    while waiting:
        name = waiting.pop()
        needed.add(name)
        waiting += [makers[dep] for dep in STAGES[name]["deps"] if dep in makers]
    assert needed == {"prepare", "views", "pretrain", "embed"}


def _outs(name: str) -> list[str]:
    kinds = (STAGES[name].get(kind, []) for kind in ("outs", "metrics", "plots"))
    return [out if isinstance(out, str) else next(iter(out)) for outs in kinds for out in outs]
