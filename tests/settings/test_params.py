"""params.yaml: what passes, and how every fault of it is said."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import WHOLE
from tests.support.workspace import ROOT
from twinview.core import declare, registry
from twinview.core.errors import ConfigError
from twinview.settings import params
from twinview.settings.sections import NONE

Write = Callable[[dict[str, Any]], Path]
FILES = [ROOT / "params.yaml", *sorted((ROOT / "recipes").glob("*.yaml"))]


def faults(path: Path) -> list[str]:
    """What check says of a file, without the first line."""
    with pytest.raises(ConfigError) as caught:
        params.check(path)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_files_of_the_project_are_in_order(path: Path) -> None:
    params.check(path)


def test_params_yaml_states_every_plug_in_s_options() -> None:
    """Recipes have to state what they choose."""
    whole = params.stated(ROOT / "params.yaml")
    stated = {kind: sorted(whole[kind]) for kind in params.PLUGIN_SECTIONS}
    known = {kind: registry.names(kind) for kind in params.PLUGIN_SECTIONS}
    known["objectives"] = sorted([*known["objectives"], NONE])
    assert stated == known


def test_the_schema_in_the_project_is_the_models() -> None:
    assert json.loads((ROOT / "params.schema.json").read_text()) == params.json_schema()


def test_the_schema_requires_every_setting_and_permits_no_other() -> None:
    schema = params.json_schema()
    for name, part in [("Params", schema), *schema["$defs"].items()]:
        if name not in params.PLUGIN_SECTIONS and part.get("properties"):
            assert sorted(part["required"]) == sorted(part["properties"]), name
        if name != "Params":
            assert part["additionalProperties"] is False, name


def test_the_schema_lists_the_names_to_choose_from() -> None:
    pretrain = params.json_schema()["$defs"]["Pretrain"]["properties"]
    assert pretrain["method"]["enum"] == registry.names("methods")
    assert pretrain["head"]["enum"] == registry.names("heads")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"pretrain.epoch": 3},
            "pretrain.epoch: there is no such key; did you mean 'epochs'?",
        ),
        ({"pretrian": {}}, "pretrian: there is no such key; did you mean 'pretrain'?"),
        (
            {"pretrain.method": "simlcr"},
            "pretrain.method: methods has no 'simlcr'; did you mean 'simclr'? (it is 'simlcr')",
        ),
        (
            {"views.chain": ["horizontal_flop"]},
            "views.chain.0: augmentations has no 'horizontal_flop'; "
            "did you mean 'horizontal_flip'? (it is 'horizontal_flop')",
        ),
        (
            {"methods.simlcr": {"temperature": 0.2}},
            "methods.simlcr: there is no such key; did you mean 'simclr'?",
        ),
        (
            {"methods.simclr": {"temperature": 0.2, "views": 2, "temprature": 1}},
            "methods.simclr.temprature: there is no such key; did you mean 'temperature'?",
        ),
        (
            {"heads.linear": {}},
            "heads.linear.dim: is missing; every setting is stated, none has a default",
        ),
        (
            {"augmentations.grey": {}},
            "augmentations.grey.probability: is missing; "
            "every setting is stated, none has a default",
        ),
        (
            {"augmentations.grey.probability": 1.5},
            "augmentations.grey.probability: input should be less than or equal to 1 (it is 1.5)",
        ),
        (
            {"pretrain.learning_rate": 0.0},
            "pretrain.learning_rate: input should be greater than 0 (it is 0.0)",
        ),
        (
            {"pretrain.epochs": "abc"},
            "pretrain.epochs: input should be a valid integer (it is 'abc')",
        ),
        (
            {"pretrain.epochs": 2.5},
            "pretrain.epochs: input should be a valid integer (it is 2.5)",
        ),
        (
            {"pretrain.learning_rate": float("nan")},
            "pretrain.learning_rate: input should be a finite number (it is nan)",
        ),
        (
            {"views.mode": "lazy"},
            "views.mode: input should be 'cached' or 'live' (it is 'lazy')",
        ),
        (
            {"probes.knn.neighbours": [5, 0]},
            "probes.knn.neighbours.1: input should be greater than or equal to 1 (it is 0)",
        ),
        (
            {"augmentations.random_resized_crop.scale": [0.9, 0.3]},
            "augmentations.random_resized_crop.scale: "
            "the low end 0.9 is above the high end 0.3 (it is [0.9, 0.3])",
        ),
        (
            {
                "methods.swav.small_crops": {
                    "count": 4,
                    "side": 14,
                    "scales": [0.1, 0.3],
                    "scale": [0.1, 0.3],
                }
            },
            "methods.swav.small_crops.scales: there is no such key; did you mean 'scale'?",
        ),
        (
            {"methods.swav.small_crops": {"count": 0, "side": 14, "scale": [0.1, 0.3]}},
            "methods.swav.small_crops.count: input should be greater than or equal to 1 (it is 0)",
        ),
        (
            {"views.chain": ["grey", "grey"]},
            "views.chain: a value occurs twice (it is ['grey', 'grey'])",
        ),
        (
            {"tasks.few_labels.per_class": [10, 10]},
            "tasks.few_labels.per_class: a value occurs twice (it is [10, 10])",
        ),
        (
            {"gate.floors": {"linear.accuracy": "high"}},
            "gate.floors.linear.accuracy: input should be a valid number (it is 'high')",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_fault_names_key_value_and_remedy(
    changes: dict[str, Any], said: str, write_params: Write
) -> None:
    assert faults(write_params(changes)) == [said]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"data.train": 2000, "pretrain.batch_size": 2001},
            "pretrain.batch_size: is 2001, more than the 2,000 examples of train; "
            "lower it to 2000 or less",
        ),
        (
            {"data.train": 2000, "tasks.few_labels.per_class": [10, 2001]},
            "tasks.few_labels.per_class: is 2001, more than the 2,000 examples of train; "
            "lower it to 2000 or less",
        ),
        (
            {"pretrain.batch_size": 256, "pretrain.micro_batch": 100},
            "pretrain.micro_batch: is 100, which does not divide pretrain.batch_size: 256; "
            "set it to 64, or to null for the whole batch at once",
        ),
        (
            {"pretrain.batch_size": 256, "pretrain.micro_batch": 512},
            "pretrain.micro_batch: is 512, which does not divide pretrain.batch_size: 256; "
            "set it to 256, or to null for the whole batch at once",
        ),
        (
            {"pretrain.batch_size": 256, "pretrain.examples_per_class": 24},
            "pretrain.examples_per_class: is 24, which does not divide pretrain.batch_size: 256; "
            "set it to 8, or to null",
        ),
        (
            {"pretrain.batch_size": 256, "pretrain.processes": 3},
            "pretrain.processes: is 3, which cannot share pretrain.batch_size: 256 evenly; "
            "set pretrain.batch_size to 255",
        ),
        (
            {"pretrain.epochs": 8, "pretrain.warmup_epochs": 8},
            "pretrain.warmup_epochs: is 8.0, but the training ends after pretrain.epochs: 8",
        ),
        (
            {"pretrain.monitor_examples": 9},
            "pretrain.monitor_examples: input should be greater than or equal to 10 (it is 9)",
        ),
        (
            {"views.mode": "cached", "views.cached.count": 5},
            "views.cached.count: is 5; methods.simclr takes 2 views of an example at a time, "
            "so it must be a multiple of 2",
        ),
        (
            {"views.mode": "cached", "views.cached.count": 6, "pretrain.method": "fast_siam"},
            "views.cached.count: is 6; methods.fast_siam takes 4 views of an example at a time, "
            "so it must be a multiple of 4",
        ),
        (
            {"views.mode": "cached", "methods.simclr.views": 3},
            "views.cached.count: is 8; methods.simclr takes 3 views of an example at a time, "
            "so it must be a multiple of 3",
        ),
        *(
            (
                {f"methods.{name}.views": 1},
                f"methods.{name}.views: input should be greater than or equal to 2 (it is 1)",
            )
            for name in ("simclr", "sup_con", "siamese")
        ),
        (
            {"pretrain.method": "moco", "pretrain.batch_size": 200, "pretrain.micro_batch": 100},
            "methods.moco.batch_norm_group: is 32, which does not divide the 100 rows that the "
            "encoder gets at a time; set it to 4, or to null",
        ),
        (
            {"pretrain.method": "moco", "methods.moco.batch_norm_group": 256},
            "methods.moco.batch_norm_group: is 256, not less than pretrain.batch_size: 256, so "
            "batch norm could reveal whose key is whose, as with null; set it to 128, or to null",
        ),
        (
            {
                "pretrain.method": "moco",
                "methods.moco.batch_norm_group": 300,
                "pretrain.micro_batch": 64,
            },
            "methods.moco.batch_norm_group: is 300, not less than pretrain.batch_size: 256, so "
            "batch norm could reveal whose key is whose, as with null; set it to 64, or to null",
        ),
        (
            {"pretrain.method": "moco", "methods.moco.queue": 55001},
            "methods.moco.queue: is 55001, more than the 55,000 examples of train; "
            "lower it to 55000 or less",
        ),
        (
            {"pretrain.method": "nnclr", "methods.nnclr.queue": 55001},
            "methods.nnclr.queue: is 55001, more than the 55,000 examples of train; "
            "lower it to 55000 or less",
        ),
        (
            {"pretrain.method": "moco", "views.positives": "group", "methods.moco.queue": 4096},
            "methods.moco.queue: is 4096, and views.positives is 'group', so the queue would hold "
            "keys of the anchor's group as negatives; set it to null",
        ),
        (
            {"views.positives": "group", "pretrain.examples_per_class": 32},
            "pretrain.examples_per_class: is 32, and views.positives is 'group', so batches could "
            "not keep the examples of a group apart; set one of them to its usual value, null or "
            "example",
        ),
        (
            {
                "views.positives": "group",
                "pretrain.method": "siamese",
                "pretrain.objective": "contrastive",
                "methods.siamese.positives": "pairs",
                "data.pairs": "data/pairs/mine.csv",
            },
            "views.positives: is 'group', but methods.siamese.positives is 'pairs', which says "
            "what the views are of; set one of them to another value",
        ),
        (
            {"views.positives": "group", "pretrain.method": "cross_entropy"},
            "views.positives is group, but methods.cross_entropy takes one view of an example; "
            "set it to example",
        ),
        (
            {"encoders.convnet.strides": [1, 2]},
            "encoders.convnet: has 3 widths and 2 strides; each layer needs one of both",
        ),
        (
            {"probes.knn.neighbours": [10, 55001]},
            "probes.knn.neighbours: is 55001, more than the 55,000 examples of train; "
            "lower it to 55000 or less",
        ),
        (
            {
                "pretrain.method": "swav",
                "methods.swav.small_crops": {"count": 4, "side": 14, "scale": [0.1, 0.3]},
                "views.chain": ["brightness", "contrast"],
            },
            "methods.swav.small_crops: small crops need random_resized_crop in views.chain: "
            "brightness, contrast; add it, or set this to null",
        ),
        (
            {
                "pretrain.method": "dino",
                "methods.dino.small_crops": {"count": 4, "side": 14, "scale": [0.1, 0.3]},
                "views.chain": ["brightness"],
            },
            "methods.dino.small_crops: small crops need random_resized_crop in views.chain: "
            "brightness; add it, or set this to null",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_that_make_no_sense_together_are_a_fault(
    changes: dict[str, Any], said: str, write_params: Write
) -> None:
    assert faults(write_params(changes)) == [said]


@pytest.mark.parametrize(
    "changes",
    [
        {
            "data.train": 256,
            "pretrain.batch_size": 256,
            "tasks.few_labels.per_class": [256],
            "tasks.propagation.per_class": [256],
        },
        {"pretrain.batch_size": 8192, "pretrain.micro_batch": 256},
        {"pretrain.batch_size": 256, "pretrain.micro_batch": 256},
        {"pretrain.method": "moco", "pretrain.batch_size": 64, "pretrain.processes": 2},
        {"probes.knn.neighbours": [55001], "tasks.classification.probes": ["linear"]},
        {"pretrain.epochs": 8, "pretrain.warmup_epochs": 7.9},
        {"data.validation": 20, "pretrain.monitor_examples": 1024},  # at most so many
        {"data.test": 20, "report.points": 2000, "report.queries": 21},
        {"gate.drops": {"propagated_50.accuracy": 0.1, "linear.f1": 0.1}},
        {"gate.better_than_raw": ["linear.accuracy"], "tasks.classification.probes": ["knn"]},
        {
            "pretrain.method": "swav",
            "methods.swav.small_crops": {"count": 1, "side": 14, "scale": [0.1, 0.3]},
        },
        {
            "pretrain.method": "simclr",
            "methods.swav.small_crops": {"count": 1, "side": 14, "scale": [0.1, 0.3]},
            "views.chain": ["brightness"],
        },
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_settings_that_just_fit_are_in_order(changes: dict[str, Any], write_params: Write) -> None:
    params.check(write_params(changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"gate.floors": {"linear.acuracy": 0.9}},
            "gate.floors: 'linear.acuracy' is no metric; did",
        ),
        (
            {"gate.drops": {"labels.accuracy": 0.9}},
            "gate.drops: 'labels.accuracy' is no metric; did",
        ),
        (
            {"gate.better_than_raw": ["knn"]},
            "gate.better_than_raw: 'knn' is no metric; did you mean 'knn.f1'?",
        ),
    ],
)
def test_the_gate_s_metrics_are_such_as_there_are(
    changes: dict[str, Any], said: str, write_params: Write
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        params.check(write_params(changes))


def test_all_faults_of_a_file_are_said_at_once_under_its_name(write_params: Write) -> None:
    changes = {"data.train": 0, "heads.linear.aut": 3, "pretrain.head": "liner"}
    path = write_params(changes)
    with pytest.raises(ConfigError) as caught:
        params.check(path)
    first, *others = str(caught.value).splitlines()
    assert first == "params.yaml has 3 faults:"
    assert [line.partition(":")[0].strip() for line in others] == [
        "data.train",
        "pretrain.head",
        "heads.linear.aut",
    ]


def test_all_impossible_combinations_are_said_at_once(write_params: Write) -> None:
    changes = {"data.train": 255, "pretrain.warmup_epochs": 10.0}
    path = write_params(changes)
    assert len(faults(path)) == 4


def test_a_missing_section_is_one_fault(settings: dict[str, Any], write_params: Write) -> None:
    del settings["report"]
    assert faults(write_params({})) == [
        "report: is missing; every setting is stated, none has a default"
    ]


def test_a_plug_in_that_is_chosen_must_have_stated_options(
    settings: dict[str, Any], write_params: Write
) -> None:
    del settings["heads"]["nonlinear"], settings["augmentations"]["contrast"]
    chosen = {"pretrain.head": "nonlinear", "views.chain": ["grey", "contrast"]}
    assert faults(write_params(chosen)) == [
        "pretrain.head: is 'nonlinear', but heads.nonlinear states no options",
        "views.chain: is 'contrast', but augmentations.contrast states no options",
    ]


def test_a_stage_refuses_what_is_chosen_and_not_stated(
    settings: dict[str, Any], write_params: Write
) -> None:
    del settings["methods"]["simclr"]
    with pytest.raises(ConfigError, match=r"methods\.simclr states no options"):
        params.load(write_params({"pretrain.method": "simclr"}))


def test_a_stage_refuses_a_task_whose_probes_are_no_list(write_params: Write) -> None:
    settings = params.load(write_params({"tasks.classification.probes": None}))
    with pytest.raises(ConfigError, match=r"tasks\.classification\.probes: input should be"):
        settings.bound("tasks", "classification")


def test_probes_that_a_task_names_must_have_stated_options(
    settings: dict[str, Any], write_params: Write
) -> None:
    del settings["probes"]["knn"]
    assert faults(write_params({})) == [
        "tasks.classification.probes: is 'knn', but probes.knn states no options"
    ]


# How DVC writes small numbers with -S.
@pytest.mark.parametrize("written", ["1e-05", "1.0e-05", "1E-5", "0.00001"])
def test_floats_may_be_written_with_an_exponent(written: str, folder: Path) -> None:
    text = (ROOT / "params.yaml").read_text()
    changed = re.sub(r"learning_rate: \S+", f"learning_rate: {written}", text, count=1)
    Path("params.yaml").write_text(changed)
    params.check()
    assert params.load().pretrain.learning_rate == 1e-5


@pytest.mark.parametrize("text", ["", "- a\n", "7\n"])
def test_a_file_that_is_no_mapping_is_one_fault(text: str, folder: Path) -> None:
    Path("params.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"params\.yaml has 1 fault:\n  input should be an obj"):
        params.check()


@pytest.mark.parametrize("text", ["data: [", "data: {}\ndata: {}\n", "\tdata: 1\n"])
def test_broken_yaml_is_named_with_its_file(text: str, folder: Path) -> None:
    Path("params.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"params\.yaml is not valid YAML: .*"):
        params.check()


def test_bytes_that_are_no_text_are_named_with_their_file(folder: Path) -> None:
    Path("params.yaml").write_bytes(b"data: \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"params\.yaml"):
        params.check()


def test_a_missing_file_says_where_it_was_looked_for(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        params.check()
    assert str(folder / "params.yaml") in str(caught.value) and "git checkout" in str(caught.value)


def test_all_settings_for_which_there_are_too_few_examples_are_told_at_once(
    write_params: Write,
) -> None:
    """As before the first file is decoded, when only their number is known."""
    path = write_params({"data.train": 0.8, "data.validation": 0.1, "data.test": 0.1})
    with pytest.raises(ConfigError) as caught:
        params.check(path, rows={"train": 48})
    told = {fault.split(":")[0] for fault in caught.value.faults}
    assert told >= {
        "pretrain.batch_size",
        "baselines.pca_components",
        "tasks.few_labels.per_class",
    }
    params.check(path)


def test_chosen_keeps_only_the_plug_ins_in_use(folder: Path) -> None:
    chosen = params.load(ROOT / "params.yaml").chosen(
        "pretrain", "methods", "heads", "augmentations", "probes"
    )
    assert list(chosen["methods"]) == [WHOLE["pretrain"]["method"]]
    assert list(chosen["heads"]) == [WHOLE["pretrain"]["head"]]
    assert set(chosen["augmentations"]) == set(WHOLE["views"]["chain"])
    assert chosen["pretrain"] == WHOLE["pretrain"] and "data" not in chosen
    assert chosen["probes"] == WHOLE["probes"]


def test_chosen_values_are_plain_and_serialisable() -> None:
    settings = params.load(ROOT / "params.yaml")
    chosen = settings.chosen(*params.Params.model_fields)
    assert json.loads(json.dumps(chosen)) == chosen


def test_bound_takes_the_options_that_the_file_states(write_params: Write) -> None:
    bound = params.load(write_params({"heads.linear.dim": 7})).bound("heads", "linear")
    assert bound(4).out_features == 7


def test_the_settings_cannot_be_changed_while_a_stage_runs() -> None:
    settings = params.load(ROOT / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        settings.pretrain.epochs = 3  # type: ignore[misc]


def test_load_does_not_import_plug_ins_that_are_not_used(write_params: Write) -> None:
    """Else a stage would load, and so depend on, every plug-in's file."""
    path = write_params({"heads.linear.dim": "checked only when it is bound"})
    assert params.load(path).heads["linear"]["dim"] == "checked only when it is bound"


def test_a_method_gets_the_objective_that_it_names_with_its_options(write_params: Write) -> None:
    changes = {"pretrain.method": "siamese", "pretrain.objective": "nt_xent"}
    path = write_params(changes | {"objectives.nt_xent.temperature": 0.7})
    settings = params.load(path)
    assert settings.chosen("objectives") == {"objectives": {"nt_xent": {"temperature": 0.7}}}
    objective = settings.bound("methods", "siamese").keywords["objective"]
    assert objective.func is registry.find("objectives", "nt_xent")
    assert objective.keywords == {"temperature": 0.7}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {
                "pretrain.method": "siamese",
                "pretrain.objective": "nt_xent",
                "methods.siamese.positives": "classes",
            },
            "pretrain.objective is 'nt_xent', which cannot learn from classes",
        ),
        (
            {
                "pretrain.method": "siamese",
                "data.pairs": "data/pairs/mine.csv",
                "methods.siamese.positives": "pairs",
                "pretrain.objective": "nt_logistic",
            },
            "objectives.nt_logistic.mining is 'semi_hard'",
        ),
        (
            {
                "pretrain.method": "siamese",
                "pretrain.objective": "barlow_twins",
                "methods.siamese.views": 4,
            },
            "methods.siamese.views is 4, but pretrain.objective is 'barlow_twins', which compares "
            "two views; set it to 2, or pretrain.objective to one of alignment_uniformity, ",
        ),
        (
            {
                "pretrain.method": "siamese",
                "pretrain.objective": "contrastive",
                "data.pairs": "data/pairs/mine.csv",
                "methods.siamese.positives": "pairs",
                "methods.siamese.views": 3,
            },
            "methods.siamese.views is 3, but methods.siamese.positives is 'pairs', which are of "
            "two views; set it to 2",
        ),
        (
            {"pretrain.method": "swav", "methods.swav.queue_from": 0.5},
            "methods.swav.queue_from is 0.5, and there is no queue",
        ),
        (
            {"pretrain.method": "margin", "methods.margin.classes": 10},
            "methods.margin.classes is 10, but methods.margin.positives is 'views', which uses no",
        ),
        (
            {"pretrain.method": "cross_entropy", "pretrain.head": "identity"},
            "methods.cross_entropy needs a head with a linear layer",
        ),
    ],
    ids=lambda value: value["pretrain.method"] if isinstance(value, dict) else "",
)
def test_what_a_method_refuses_is_known_before_anything_runs(
    changes: dict[str, Any], said: str, write_params: Write
) -> None:
    (fault,) = faults(write_params(changes))
    assert fault.startswith(said)


def test_an_objective_that_no_method_names_is_not_chosen() -> None:
    settings = params.load(ROOT / "params.yaml")
    assert settings.pretrain.method == "simclr"
    assert settings.chosen("objectives") == {"objectives": {}}


def test_the_objective_that_is_chosen_must_exist_and_be_stated(
    settings: dict[str, Any], write_params: Write
) -> None:
    path = write_params({"pretrain.method": "siamese", "pretrain.objective": "nt_xnet"})
    assert faults(path) == [
        "pretrain.objective: objectives has no 'nt_xnet'; did you mean 'nt_xent'? (it is 'nt_xnet')"
    ]
    del settings["objectives"]["nt_xent"]
    path = write_params({"pretrain.objective": "nt_xent"})
    said = "pretrain.objective: is 'nt_xent', but objectives.nt_xent states no options"
    assert faults(path) == [said]
    with pytest.raises(ConfigError, match=r"objectives\.nt_xent states no options"):
        params.load(path)


def test_no_objective_is_stated_too_since_dvc_reads_its_entry(
    settings: dict[str, Any], write_params: Write
) -> None:
    del settings["objectives"]["none"]
    said = "pretrain.objective: is 'none', but objectives.none states no options"
    assert faults(write_params({})) == [said]


def test_an_objective_that_the_method_would_not_look_at_is_refused(write_params: Write) -> None:
    assert faults(write_params({"pretrain.objective": "triplet"})) == [
        "pretrain.objective: is 'triplet', and methods.simclr has a loss of its own, so it would "
        "do nothing; set it to none, or pretrain.method to one of siamese"
    ]


def test_a_method_that_learns_by_an_objective_needs_one(write_params: Write) -> None:
    (said,) = faults(write_params({"pretrain.method": "siamese"}))
    assert said.startswith(
        "pretrain.objective: is 'none', and methods.siamese learns by an objective; set it to one "
        "of alignment_uniformity, barlow_twins, "
    )


@pytest.mark.parametrize(
    ("kind", "name", "other", "said"),
    [
        (
            "sources",
            "fashion_mnist",
            declare.Source(modality="text"),
            "data.modality: is 'image', and sources.fashion_mnist gives 'text'; set it to that",
        ),
        (
            "augmentations",
            "contrast",
            declare.Augmentation(modality="text"),
            "views.chain: 'contrast' is for 'text', and data.modality is 'image'; take one that "
            "fits: brightness, cutout, gaussian_blur, grey, horizontal_flip, hue, noise, "
            "random_resized_crop, rotation, saturation, sobel",
        ),
    ],
    ids=["source", "augmentation"],
)
def test_source_and_chain_are_of_the_modality_that_is_stated(
    kind: str,
    name: str,
    other: declare.Declaration,
    said: str,
    write_params: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = params.declaration
    monkeypatch.setattr(
        params, "declaration", lambda k, n: other if (k, n) == (kind, name) else known(k, n)
    )
    assert faults(write_params({})) == [said]


def test_settings_for_pictures_are_refused_for_texts_with_the_names_that_fit(
    write_params: Write,
) -> None:
    found = faults(write_params({"data.source": "texts", "data.modality": "text"}))
    fits = {
        "views.chain": "neighbour_swap, token_crop, word_deletion, word_masking, word_repetition",
        "pretrain.encoder": "bag, recurrent, transformer",
    }
    for setting, names in fits.items():
        (said, *_) = [fault for fault in found if fault.startswith(f"{setting}: ")]
        assert said.endswith(f"data.modality is 'text'; take one that fits: {names}")
    for setting, remedy in {"embed.mirror": "false", "pretrain.early_view_scale": "1"}.items():
        (said,) = [fault for fault in found if fault.startswith(f"{setting}: ")]
        assert said.endswith(f"whose inputs are no pictures; set it to {remedy}")


def test_a_task_for_texts_is_refused_for_pictures(write_params: Write) -> None:
    (said,) = faults(
        write_params({"evaluate.tasks": ["classification", "few_labels", "retrieval"]})
    )
    assert said.startswith(
        "evaluate.tasks: 'retrieval' is for 'text', and data.modality is 'image'"
    )


@pytest.mark.parametrize("chosen", [True, False])
def test_what_a_plug_in_s_own_check_refuses_is_a_fault_where_it_is_chosen(
    chosen: bool, write_params: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = declare.Declaration(
        check=lambda own, settings: [f"heads.linear.dim: is {own['dim']}, {settings.data.train}"]
    )
    known = params.declaration
    monkeypatch.setattr(
        params,
        "declaration",
        lambda kind, name: declared if name == "linear" and kind == "heads" else known(kind, name),
    )
    path = write_params({"pretrain.head": "linear" if chosen else "nonlinear"})
    if chosen:
        assert faults(path) == ["heads.linear.dim: is 128, 55000"]
    else:
        params.check(path)
    params.load(path)  # options have no types there, and no declaration is read


def test_a_byte_order_mark_and_line_ends_of_windows_change_nothing(write_params: Write) -> None:
    path = write_params({})
    before = params.load(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert params.load(path) == before


@pytest.mark.parametrize("content", ["utf-16", b"# caf\xe9\n"], ids=["UTF-16", "Latin 1"])
def test_a_file_of_another_encoding_is_named(write_params: Write, content: str | bytes) -> None:
    path = write_params({})
    text = path.read_text()
    path.write_bytes(text.encode(content) if isinstance(content, str) else content)
    with pytest.raises(ConfigError, match=r"params\.yaml is not UTF-8 text"):
        params.load(path)


@pytest.mark.parametrize(
    ("changes", "reader"),
    [
        ({"pretrain.method": "sup_con"}, "methods.sup_con"),
        ({"pretrain.examples_per_class": 16}, "pretrain.examples_per_class"),
    ],
)
def test_a_training_that_reads_labels_is_refused_where_they_are_unused(
    changes: dict[str, Any], reader: str, write_params: Write
) -> None:
    params.check(write_params({"pretrain.labels": "unused"}))
    with pytest.raises(ConfigError, match=rf"pretrain\.labels.* is unused, but {reader} reads"):
        params.check(write_params(changes | {"pretrain.labels": "unused"}))
