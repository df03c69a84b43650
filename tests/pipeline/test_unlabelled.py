"""Data without labels: what needs none is measured, and what needs some is left out and named."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from ruamel.yaml import YAML

import twinview
from pipeline import baselines, publish
from tests.support import unlabelled
from tests.support.workspace import ROOT
from twinview.cli import main
from twinview.core import files, paths
from twinview.core.csv_files import load_rows, save_rows
from twinview.core.errors import ConfigError
from twinview.data import split_writer, splits
from twinview.data.splits import Prepared
from twinview.experiments import recorded_run, side_by_side
from twinview.experiments.recorded_run import RecordedRun
from twinview.models import probe
from twinview.release.gate import run_gate
from twinview.reporting import comparison_text, summary
from twinview.reporting.summary_text import summary as summary_text
from twinview.settings import params
from twinview.tracking import mlflow_runs, run_names

STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
REASON = "it needs labels, and the train, validation and test splits have none"
MEASURED = ["geometry", "clusters", "view_retrieval"]
LEFT_OUT = {"classification": REASON}
LEFT_OUT |= {"supervised": REASON.replace("needs", "learns from")}


@pytest.fixture(scope="module")
def said(
    tmp_path_factory: pytest.TempPathFactory, shapes: Prepared, capsys_of_module: list[str]
) -> Iterator[str]:
    """What the stages print; the project is the current folder of this module's tests."""
    folder = tmp_path_factory.mktemp("unlabelled")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("builtins.print", lambda *words, **_: capsys_of_module.append(str(words[0])))
        unlabelled.evaluated(shapes)
        patch.undo()
        patch.chdir(folder)
        yield "\n".join(capsys_of_module)


@pytest.fixture(scope="module")
def capsys_of_module() -> list[str]:
    return []


@pytest.fixture
def run(said: str) -> RecordedRun:
    """The run, with DVC's cache of its details."""
    files.save_json(paths.PRETRAIN_METRICS, {"verdict": "healthy"})
    outs = [{"path": str(paths.EVALUATION), "md5": "hash", "size": 1}]
    Path("dvc.lock").write_text(json.dumps({"stages": {"evaluate": {"outs": outs}}}))
    found = recorded_run.in_folder()
    return replace(found, cached={"hash": paths.EVALUATION.read_text()}.get)


def test_every_stage_says_what_it_leaves_out(said: str) -> None:
    assert f"baselines: supervised is left out: {LEFT_OUT['supervised']}" in said
    assert f"evaluate_baselines: classification is left out: {REASON}" in said
    for name, reason in LEFT_OUT.items():
        assert f"evaluate: {name} is left out: {reason}" in said


def test_what_needs_no_labels_is_measured_for_every_contender(said: str) -> None:
    evaluation = files.load_json(paths.EVALUATION)
    assert evaluation["left_out"] == LEFT_OUT
    assert list(evaluation["entries"]) == MEASURED
    contenders = evaluation["contenders"]
    assert list(contenders) == ["encoder", "pca_4", "random_encoder", "raw_pixels"]
    assert all(list(of) == MEASURED for of in contenders.values())
    found = {name: of["view_retrieval"]["recall_at_1"] for name, of in contenders.items()}
    assert all(0 < recall <= 1 for recall in found.values()) and len(set(found.values())) > 1
    assert files.load_json(paths.METRICS)["geometry"]["effective_rank"] > 1
    assert list(files.load_json(paths.BASELINE_METRICS)) == list(contenders)[1:]
    assert list(load_rows(paths.PREDICTIONS)[0]) == ["id", "clusters"]


def test_the_folder_of_the_probe_says_why_there_is_none(said: str) -> None:
    assert probe.load(paths.PROBE) == probe.NoProbe("the data have no labels")
    predictor = twinview.Predictor.load("models")
    assert predictor.probe is None and predictor.embedder.mirror
    pictures = splits.load(paths.PREPARED).splits["test"].inputs[:3]
    assert predictor.features(pictures).shape == (3, predictor.encoder.dim)


def test_folders_are_embedded_and_searched(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("pictures").mkdir()
    picture = splits.load(paths.PREPARED).splits["train"].inputs[7]
    Image.fromarray(picture[0].numpy()).save("pictures/a.png")
    assert main(["embed", "pictures", "--out", "pictures.parquet"]) == 0
    assert main(["neighbours", "pictures/a.png", "--count", "2", "--html", "near.html"]) == 0
    first = capsys.readouterr().out.splitlines()[-3]
    row_id = splits.load(paths.PREPARED).splits["train"].ids[7]
    assert first.split() == ["1.0000", str(int(row_id))], "a picture is its own neighbour"
    assert main(["neighbours", "pictures/a.png", "--among", "pictures.parquet"]) == 0


def test_the_encoder_is_exported(said: str) -> None:
    assert main(["export", "--pt2", "encoder.pt2"]) == 0


def test_the_summary_names_what_was_left_out(
    run: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_run, "in_folder", lambda: run)
    found = summary.results()
    assert found["left_out"] == LEFT_OUT
    text = summary_text(found)
    assert text.startswith("Effective rank or silhouette or recall@1 on test")
    assert f"classification is left out: {REASON}." in text
    assert "geometry by " not in text and " points)" in text, "a rank judges nothing"


def test_the_gate_says_why_a_metric_is_absent(run: RecordedRun) -> None:
    settings = params.load()
    gate = settings.gate.model_copy(
        update={"floors": {"linear.accuracy": 0.9, "clusters.silhouette": -1}}
    )
    absent, present = [check for check in run_gate(gate, run) if check.against == "floor"]
    assert absent.holds is False and "left out: classification, supervised" in absent.why
    assert present.holds is True and not present.why


def test_the_row_in_mlflow_has_what_was_measured(
    run: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.save_json(paths.PRETRAIN_RUN, {})
    save_rows(paths.PRETRAIN_STEPS, [{"step": 1, "loss": 2.0}])
    rows: list[mlflow_runs.Row] = []
    monkeypatch.setattr(mlflow_runs, "publish", rows.append)
    monkeypatch.setattr(run_names, "row_name", lambda: "row")
    publish.main()
    (row,) = rows
    assert row.compared == ["geometry.effective_rank"]
    assert row.metrics["geometry.effective_rank"] == run.metrics["geometry"]["effective_rank"]
    assert "versus.raw_pixels.geometry.effective_rank" in row.metrics


def test_the_run_is_compared(run: RecordedRun) -> None:
    compared = side_by_side.side_by_side([run], [], {})
    primaries = ("effective_rank", "silhouette", "recall_at_1")
    named = map(".".join, zip(MEASURED, primaries, strict=True))
    assert compared.parts[0].metrics == tuple(named)
    assert "Effective rank" in comparison_text.terminal(compared)


def test_tasks_of_which_each_needs_labels_are_refused_before_the_training(
    folder: Path, shapes: Prepared
) -> None:
    unlabelled.write_settings(folder, ["classification", "few_labels"])
    split_writer.save(paths.PREPARED, unlabelled.without_labels(shapes))
    with pytest.raises(ConfigError, match=r"evaluate.tasks is .* name a task that needs none"):
        baselines.main()
    assert not paths.BASELINES.exists()


def test_check_refuses_them_if_the_prepared_data_are_those_of_the_settings(
    folder: Path, shapes: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    unlabelled.write_settings(folder, ["classification"])
    split_writer.save(paths.PREPARED, unlabelled.without_labels(shapes))
    data = dict(params.stated(Path("params.yaml"))["data"])
    _lock(data)
    assert main(["check"]) == 1
    assert "evaluate.tasks is [classification], of which each" in capsys.readouterr().err
    unlabelled.write_settings(folder, unlabelled.TASKS)
    assert main(["check"]) == 0
    assert f"classification is left out: {REASON}" in capsys.readouterr().out
    _lock(data | {"seed": 7})
    assert main(["check"]) == 0
    assert "left out" not in capsys.readouterr().out


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


def _lock(data: dict[str, object]) -> None:
    """Writes a dvc.lock whose prepare ran with these settings of data."""
    stage = {"params": {"params.yaml": {"data": data}}}
    Path("dvc.lock").write_text(json.dumps({"stages": {"prepare": stage}}))


def _outs(name: str) -> list[str]:
    kinds = (STAGES[name].get(kind, []) for kind in ("outs", "metrics", "plots"))
    return [out if isinstance(out, str) else next(iter(out)) for outs in kinds for out in outs]
