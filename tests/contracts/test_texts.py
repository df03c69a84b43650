"""Every method and every objective trains on texts, with every encoder of texts for one method."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest

from tests.support import small_texts
from tests.support.plugins import OBJECTIVE, PARAMS, declared_method, options
from twinview.core import declare, registry
from twinview.data.splits import Prepared
from twinview.data.text_source import TextColumns, TokenOptions
from twinview.learning.loop import continue_training
from twinview.learning.pretraining import Training
from twinview.preparation.texts import prepare_texts
from twinview.settings import params
from twinview.sources.texts import texts
from twinview.views.live import LiveViews
from twinview.views.plan import ViewPlan

CHAIN = ("word_deletion", "token_crop")
SETTINGS: dict[str, Any] = {
    "data.source": "texts",
    "data.modality": "text",
    "baselines.pca_components": 4,
    "data.train": 60,
    "data.validation": 15,
    "data.test": 15,
    "views.chain": CHAIN,
    "embed.mirror": False,
    "pretrain.early_view_scale": 1,
    "pretrain.encoder": "bag",
    "pretrain.batch_size": 12,
    "pretrain.epochs": 2,
    "pretrain.warmup_epochs": 0,
    "pretrain.threads": 1,
    "pretrain.monitor_examples": 10,
    "pretrain.learning_rate": 0.001,
}
TOKENS = TokenOptions(kind="words", vocabulary=300, length=12, joined=True)


def of_texts(encoder: str) -> bool:
    declared = registry.declaration("encoders", encoder)
    return isinstance(declared, declare.Encoder) and declared.modality == "text"


ENCODERS = [name for name in registry.names("encoders") if of_texts(name)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("texts")
    file: Path = small_texts.write_csv(folder / "texts.csv", 90)
    columns = TextColumns(texts=("title", "body"), label="label", group=None, split=None)
    source = texts(path=str(file), columns=columns, layout=None, split_names={}, tokens=TOKENS)
    return prepare_texts(source, settings({}).data, folder, stratified=True).prepared


def settings(changes: dict[str, Any]) -> params.Params:
    """Small settings of texts, with values at dotted names."""
    tree: dict[str, Any] = copy.deepcopy(PARAMS)
    quick = {f"encoders.{name}.{k}": v for name in ENCODERS for k, v in QUICK[name].items()}
    for dotted, value in {**SETTINGS, **quick, **changes}.items():
        *sections, last = dotted.split(".")
        section = tree
        for name in sections:
            section = section[name]
        section[last] = value
    return params.parse(params.Params, tree, "the test")


def losses(prepared: Prepared, changes: dict[str, Any]) -> list[float]:
    """The loss of each step of a short training."""
    chosen = settings(changes)
    plan = ViewPlan.from_options(0, CHAIN, chosen.augmentations)
    views = LiveViews(plan.renderer(prepared.modality), prepared.splits["train"])
    made = Training.from_settings(chosen, prepared, plan, views)
    steps = continue_training(made.state, made.train, made.views, made.budget)
    return [step.loss for step in steps]


QUICK = {name: registry.declaration("encoders", name).quick for name in ENCODERS}


@pytest.mark.parametrize("name", registry.names("methods"))
def test_every_method_trains_on_texts(name: str, prepared: Prepared) -> None:
    objective = OBJECTIVE if declared_method(name).objective else "none"
    # Texts have no small crops.
    stated = {**options("methods", name), "small_crops": None}
    known = registry.options_model("methods", name).model_fields
    own = {f"methods.{name}.{key}": stated[key] for key in known}
    found = losses(prepared, {"pretrain.method": name, "pretrain.objective": objective, **own})
    assert len(found) == 10 and all(map(math.isfinite, found))


@pytest.mark.parametrize("name", registry.names("objectives"))
def test_every_objective_trains_on_texts(name: str, prepared: Prepared) -> None:
    found = losses(prepared, {"pretrain.method": "siamese", "pretrain.objective": name})
    assert len(found) == 10 and all(map(math.isfinite, found))


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_of_texts_learns(name: str, prepared: Prepared) -> None:
    # The first loss is that of random weights: after 30 epochs the last ones are well below.
    found = losses(prepared, {"pretrain.encoder": name, "pretrain.epochs": 30})
    assert sum(found[-10:]) < sum(found[:10])
