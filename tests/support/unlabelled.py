"""A small project without labels, after its stages of evaluation."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline import baselines, embed, evaluate, evaluate_baselines, views
from tests.support.plugins import PARAMS
from twinview.core import paths
from twinview.data import split_writer
from twinview.data.splits import Prepared
from twinview.models import encoder, head
from twinview.settings import params

TASKS = ["classification", "geometry", "clusters", "view_retrieval"]


def without_labels(prepared: Prepared) -> Prepared:
    """The same pictures without labels and classes."""
    bare = {name: replace(part, labels=None) for name, part in prepared.splits.items()}
    return replace(prepared, splits=bare, classes=())


def write_settings(folder: Path, tasks: list[str]) -> None:
    """Writes params.yaml for the shapes of tests/conftest.py."""
    tree: dict[str, Any] = copy.deepcopy(PARAMS)
    tree["data"] |= {"train": 96, "validation": 48, "test": 96}
    tree["pretrain"] |= {"threads": 1, "device": "cpu", "batch_size": 32, "monitor_examples": 16}
    tree["baselines"]["pca_components"] = 4
    tree["report"] |= {"points": 48, "queries": 5, "neighbours": 4}
    tree["evaluate"]["tasks"] = tasks
    tree["tasks"]["geometry"]["examples"] = 40
    tree["tasks"]["view_retrieval"]["examples"] = 40
    tree["tasks"]["clusters"] |= {"counts": [2, 3], "examples": 90, "starts": 1}
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(tree, file)


def evaluated(prepared: Prepared) -> None:
    """Runs the stages without labels in the current folder, on an encoder that was not trained."""
    write_settings(Path(), TASKS)
    run_stages(without_labels(prepared))


def run_stages(prepared: Prepared) -> None:
    """Runs the stages of evaluation by params.yaml, on an encoder that was not trained."""
    split_writer.save(paths.PREPARED, prepared)
    settings = params.load()
    name, options = settings.pretrain.encoder, settings.encoders[settings.pretrain.encoder]
    made = encoder.build(encoder.Description.for_data(prepared, name, options), seed=0)
    encoder.save(paths.ENCODER, made)
    chosen = settings.pretrain.head
    z = settings.bound("heads", chosen)(made.dim)
    head.save(paths.HEAD, z, chosen, settings.heads[chosen], made.dim)
    for stage in (views, baselines, embed, evaluate_baselines, evaluate):
        stage.main()
