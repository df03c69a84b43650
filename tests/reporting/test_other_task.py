"""A task of its own kind, added as one file, goes from evaluation to gate, comparison and page."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import twinview.tasks
from pipeline import evaluate, evaluate_baselines
from tests.reporting.conftest import build
from tests.support.compared import run as recorded
from twinview.core import files, paths, registry
from twinview.core.csv_files import load_rows
from twinview.core.errors import ConfigError
from twinview.data import split_writer
from twinview.experiments import dvc_experiments, recorded_run, side_by_side
from twinview.experiments.recorded_run import RecordedRun
from twinview.models import embeddings
from twinview.release.gate import run_gate
from twinview.reporting import compare_page, comparison_text, summary
from twinview.reporting.page import StageOutputs
from twinview.reporting.summary_text import summary as summary_text
from twinview.settings import params

RANKINGS = '''"""Retrieval: whether the nearest train examples of an example are of its class."""

from typing import Annotated

from annotated_types import Ge

from twinview.core import declare
from twinview.evaluation.contender import Contender, Result
from twinview.evaluation.nearest import nearest


def rankings(contender: Contender, *, cutoff: Annotated[int, Ge(1)]) -> dict[str, Result]:
    """The share of an example's nearest train examples that are of its class, and of the first."""
    found = {name: _matches(contender, name, cutoff) for name in ("test", "validation")}
    first = float(found["test"][:, 0].double().mean())
    means = {name: float(of.double().mean()) for name, of in found.items()}
    metrics = {"map": means["test"], "first": first, "validation_map": means["validation"]}
    return {"rankings": Result(metrics)}


def _matches(contender, name, cutoff):
    train, asked = contender.parts["train"], contender.parts[name]
    _, rows = nearest(asked.features, train.features, cutoff)
    return train.labels[rows] == asked.labels[:, None]


DECLARES = declare.Task(
    entries=lambda options: {"rankings": f"nearest {options['cutoff']}"},
    measures={"map": "mean precision", "first": "precision at 1"},
    primary="map",
    needs_labels=True,
    could_have=lambda name: name == "rankings",
    lists=(),
)
'''


@pytest.fixture
def other_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The file among the tasks, for this process."""
    kinds = tmp_path / "kinds"
    kinds.mkdir()
    for kind in registry.KINDS:
        (kinds / kind).symlink_to(registry.FOLDER / kind)
    (kinds / "tasks").unlink()
    (kinds / "tasks").mkdir()
    for file in (registry.FOLDER / "tasks").glob("*.py"):
        (kinds / "tasks" / file.name).symlink_to(file)
    (kinds / "tasks/rankings.py").write_text(RANKINGS)
    monkeypatch.setattr(registry, "FOLDER", kinds)
    monkeypatch.setattr(twinview.tasks, "__path__", [str(kinds / "tasks")])
    yield
    registry.options_model.cache_clear()


def evaluated(outputs: StageOutputs) -> RecordedRun:
    """What the stages of evaluation, and DVC, leave of the outputs in the current folder."""
    split_writer.save(paths.PREPARED, outputs.prepared)
    random = {k: dataclasses.replace(v, features=v.features.flip(1)[:, :40])
              for k, v in outputs.features.items()}  # fmt: skip
    embeddings.save(paths.EMBEDDINGS, dict(outputs.features))
    embeddings.save(paths.BASELINES / "raw_pixels", random)
    evaluate_baselines.main()
    evaluate.main()
    files.save_json(paths.PRETRAIN_METRICS, {"verdict": "healthy"})
    outs = [{"path": str(paths.EVALUATION), "md5": "hash", "size": 1}]
    Path("dvc.lock").write_text(json.dumps({"stages": {"evaluate": {"outs": outs}}}))
    return dataclasses.replace(
        recorded_run.in_folder(), cached={"hash": paths.EVALUATION.read_text()}.get
    )


@pytest.fixture
def written(
    other_task: None, settings: dict[str, Any], write_params: Callable[..., Path]
) -> Callable[..., Path]:
    """Writes settings of few examples, with the task on the shelf."""
    settings["tasks"]["rankings"] = {"cutoff": 5}
    settings["pretrain"]["threads"] = 1
    settings["gate"] |= {"floors": {"rankings.map": 0.3}, "drops": {"rankings.first": 0.1}}
    settings["gate"]["better_than_raw"] = ["rankings.map"]
    return write_params


def test_it_is_evaluated_gated_compared_and_shown_without_a_change_of_the_core(
    written: Callable[..., Path], outputs: StageOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    written({"evaluate.tasks": ["rankings", "classification"]})
    own = params.load()
    run = evaluated(outputs)
    monkeypatch.setattr(dvc_experiments, "read_cached", run.cached)
    metrics = files.load_json(paths.METRICS)
    assert list(metrics) == ["rankings", "linear", "knn"]
    assert list(metrics["rankings"]) == ["map", "first", "validation_map"]

    checks = {(check.name, check.against): check for check in run_gate(own.gate, run)}
    assert checks["rankings.map", "floor"].holds is True
    assert checks["rankings.map", "raw pixels"].wanted.startswith("> 0.")

    worse = recorded("b", 0.5, metrics={"rankings.map": 0.01, "rankings.validation_map": 0.01})
    (part,) = side_by_side.side_by_side([run], [], {}).parts
    assert part.metrics == ("rankings.map", "linear.accuracy", "knn.accuracy")
    compared = side_by_side.side_by_side([run, worse], ["rankings.map"], {})
    assert compared.named["rankings.map"].words == "nearest 5"
    assert "Mean precision on test" in comparison_text.terminal(compared)
    assert "Best by nearest 5" in compare_page.page(compared)

    said = summary_text(summary.results())
    assert said.startswith("Mean precision or accuracy on test") and "rankings" in said

    page = build(
        dataclasses.replace(
            outputs,
            evaluation=files.load_json(paths.EVALUATION),
            predictions=load_rows(paths.PREDICTIONS),
        )
    )
    assert "Mean precision on 96 test examples: nearest 5" in page
    assert "precision at 1" in page and "The linear probe" in page


def test_a_page_without_a_task_that_predicts_classes_has_no_word_of_them(
    written: Callable[..., Path], outputs: StageOutputs
) -> None:
    written({"evaluate.tasks": ["rankings"]})
    evaluated(outputs)
    rows = load_rows(paths.PREDICTIONS)
    assert list(rows[0]) == ["id", "actual"]
    page = build(
        dataclasses.replace(outputs, evaluation=files.load_json(paths.EVALUATION), predictions=rows)
    )
    assert (
        "None of the tasks predicts classes." in page
        and "✕ said" not in page.partition("<script")[0]
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gate.floors": {"rankings.mop": 0.3}}, "is no metric; did you mean 'rankings.map'?"),
        ({"evaluate.tasks": []}, "evaluate.tasks: tuple should have at least 1 item"),
        ({"evaluate.tasks": ["rankings", "rankings"]}, "evaluate.tasks: a value occurs twice"),
        ({"evaluate.tasks": ["raknings"]}, "tasks has no 'raknings'; did you mean 'rankings'?"),
    ],
)
def test_its_settings_are_checked_as_all_are(
    changes: dict[str, Any], said: str, written: Callable[..., Path]
) -> None:
    with pytest.raises(ConfigError, match=said):
        params.check(written(changes))


def test_two_tasks_with_results_of_one_name_are_refused(
    written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = RANKINGS.replace('{"rankings": f', '{"labels_10": f')
    (registry.FOLDER / "tasks/rankings.py").write_text(text)
    said = "evaluate.tasks: 'few_labels' and 'rankings' both have results called 'labels_10'"
    with pytest.raises(ConfigError, match=said):
        params.check(written({"evaluate.tasks": ["few_labels", "rankings"], "gate.floors": {}}))
