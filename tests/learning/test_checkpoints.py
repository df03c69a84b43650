"""Checkpoints come back as they were, and only to the training that they are of."""

import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline import pretrain
from tests.support.copies import enter_copy
from tests.support.workspace import ROOT
from twinview.core import files, paths, tensor_files
from twinview.core.errors import BusyError, TrainingError
from twinview.data import splits
from twinview.learning import checkpoints
from twinview.learning.checkpoints import KEPT_UNFINISHED, Checkpoints
from twinview.stages import dvc_yaml, imports
from twinview.views import cache

LABELS = paths.PREPARED / splits.LABELS / "used"
PARTS = {"pretrain.epochs": "2", "the code of twinview.learning.loop": "abc"}


@pytest.fixture(autouse=True)
def project(folder: Path) -> Path:
    return folder


def shelf() -> Path:
    return Path.cwd() / paths.CHECKPOINTS


def trainings() -> list[Path]:
    return [path.parent for path in shelf().glob("*/training.json")]


def leave_one(parts: Mapping[str, str], step: int = 3) -> Path:
    """A training that was killed after it had saved a step."""
    with checkpoints.open_for(parts) as kept:
        kept.save(step, {"number": step})
    return kept.folder


def equal(one: Any, other: Any) -> bool:
    """The same values, types and layouts, all the way down."""
    if isinstance(one, Tensor):
        alike = one.dtype == other.dtype and one.stride() == other.stride()
        return alike and torch.equal(one, other)
    if isinstance(one, Mapping):
        pairs = zip(one.items(), other.items(), strict=True)
        return all(k == q and equal(v, w) for (k, v), (q, w) in pairs)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and all(equal(*p) for p in zip(one, other, strict=True))
    return type(one) is type(other) and bool(one == other)


def tree() -> dict[str, Any]:
    maps = torch.arange(24.0).view(1, 2, 3, 4).to(memory_format=torch.channels_last)
    return {
        "number": 7,
        "plain": [0.1 + 0.2, None, True, "ü", ("a", 1), [], {}],
        "state": {0: {"step": torch.tensor(7.0), "maps": maps}, 1: {}},
        "half": torch.ones(3, dtype=torch.bfloat16),
        "bytes": torch.tensor([0, 255], dtype=torch.uint8),
        "none": torch.zeros(0, 4, dtype=torch.int64),
    }


def test_a_state_comes_back_with_its_types_and_layouts() -> None:
    with checkpoints.open_for(PARTS) as kept:
        kept.save(7, tree())
        assert equal(kept.load(), tree())


def test_values_that_share_memory_come_back_apart() -> None:
    whole = torch.arange(6.0).view(2, 3)
    with checkpoints.open_for(PARTS) as kept:
        kept.save(
            1, {"whole": whole, "row": whole[1], "again": whole, "wide": whole[:1].expand(4, 3)}
        )
        loaded = kept.load()
    loaded["row"].zero_()
    assert torch.equal(loaded["whole"], whole) and torch.equal(loaded["again"], whole)
    assert torch.equal(loaded["wide"], whole[:1].expand(4, 3))


def test_what_is_saved_is_the_state_at_that_moment() -> None:
    weight = torch.zeros(2)
    with checkpoints.open_for(PARTS) as kept:
        kept.save(1, {"weight": weight})
        weight += 1
        assert torch.equal(kept.load()["weight"], torch.zeros(2))


def test_the_last_one_and_the_one_before_are_kept() -> None:
    with checkpoints.open_for(PARTS) as kept:
        assert kept.load() is None and kept.newest_step() == 0
        for step in (99, 100, 101):
            kept.save(step, {"number": step})
        assert kept.load() == {"number": 101} and kept.newest_step() == 101
        names = sorted(path.name for path in kept.folder.glob("step-*"))
    assert names == ["step-000000100.safetensors", "step-000000101.safetensors"]


def test_of_a_doubtful_training_the_last_good_one_is_kept_too() -> None:
    with checkpoints.open_for(PARTS) as kept:
        for step, doubtful in enumerate([False, False, True, True, True]):
            kept.save(step, {"number": step}, doubtful=doubtful)
        assert sorted(int(path.name[5:14]) for path in kept.folder.glob("step-*")) == [1, 3, 4]
        assert kept.load() == {"number": 4} and kept.newest_step() == 4
        assert "of step 1, from before, is /" in kept.last_good()
        kept.save(5, {"number": 5})
        kept.save(6, {"number": 6})
        assert len(list(kept.folder.glob("step-*"))) == 2


@pytest.mark.parametrize("rest", [0, 20, 200])
def test_where_the_last_one_is_broken_the_one_before_is_used(
    rest: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with checkpoints.open_for(PARTS) as kept:
        kept.save(1, {"number": 1})
        kept.save(2, {"number": 2, "weight": torch.ones(99)})
        os.truncate(kept.folder / "step-000000002.safetensors", rest)
        assert kept.load() == {"number": 1}
    assert "step-000000002.safetensors is broken" in capsys.readouterr().out


def test_a_disk_that_is_full_leaves_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    with checkpoints.open_for(PARTS) as kept:
        kept.save(1, {"number": 1})
        monkeypatch.setattr(tensor_files, "save_file", full)
        with pytest.raises(BusyError, match=r"step-000000002\.safetensors could not be written"):
            kept.save(2, {"number": 2})
        assert kept.load() == {"number": 1}


def test_the_same_training_goes_on_under_the_same_name() -> None:
    with checkpoints.open_for(PARTS) as kept:
        kept.save(3, {"number": 3})
    with checkpoints.open_for(dict(reversed(PARTS.items()))) as again:
        assert again.load() == {"number": 3} and again.training_id == kept.training_id


@pytest.mark.parametrize("name", [*PARTS, "something new"])
def test_another_training_starts_anew_and_says_what_differs(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_one(PARTS, step=30)
    with checkpoints.open_for(PARTS | {name: "other"}) as kept:
        assert kept.load() is None
    said = capsys.readouterr().out
    assert (
        f"(step 30) and is not used: it is of another training, which differs in {name}\n" in said
    )


def test_a_finished_training_of_others_is_not_spoken_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    finish(PARTS)
    leave_one(PARTS | {"pretrain.epochs": "3"})
    assert capsys.readouterr().out == ""


def locked(md5: str) -> None:
    """Writes the dvc.lock of a stage with one out."""
    made = f"{{path: models/x, md5: '{md5}', size: 1}}"
    Path("dvc.lock").write_text(f"stages: {{pretrain: {{outs: [{made}]}}}}\n")


def finish(parts: Mapping[str, str], recorded: bool = False) -> Path:
    """A training whose outs are written and, maybe, recorded by DVC."""
    folder = leave_one(parts)
    record = Path("pretrain_run.json")
    record.write_text(json.dumps([dict(parts), "its run"]))
    Checkpoints(folder).record_result(record)
    if recorded:
        locked(checkpoints._md5(record))
    return folder


def test_a_result_that_dvc_has_not_recorded_is_not_trained_again() -> None:
    finish(PARTS)
    locked("0123")
    with checkpoints.open_for(PARTS) as kept:
        assert kept.load() == {"number": 3}


def test_a_result_that_dvc_has_recorded_is_trained_anew_when_it_is_asked_for() -> None:
    finish(PARTS, recorded=True)
    with checkpoints.open_for(PARTS) as kept:
        assert kept.load() is None


def test_a_finished_training_keeps_its_last_checkpoint_only() -> None:
    folder = leave_one(PARTS, step=2)
    finish(PARTS)
    assert [path.name for path in folder.glob("step-*")] == ["step-000000003.safetensors"]


def test_recorded_trainings_are_cleared_away_by_the_next() -> None:
    finish(PARTS, recorded=True)
    other = leave_one(PARTS | {"pretrain.epochs": "3"})
    assert trainings() == [other]


def test_only_the_newest_unfinished_trainings_are_kept() -> None:
    left = [leave_one({"pretrain.epochs": str(number)}) for number in range(KEPT_UNFINISHED + 3)]
    assert set(trainings()) == set(left[-KEPT_UNFINISHED - 1 :])


def test_a_training_at_work_is_not_cleared_away() -> None:
    with checkpoints.open_for(PARTS) as kept:
        for number in range(10, KEPT_UNFINISHED + 12):
            leave_one({"pretrain.epochs": str(number)})
        assert kept.folder in trainings()


def test_what_a_killed_writer_left_is_removed() -> None:
    half = leave_one(PARTS) / ".step-000000004.safetensors.123.part"
    half.touch()
    leave_one(PARTS)
    assert not half.exists()


def test_temporary_copies_find_the_project_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_one(PARTS)
    enter_copy(tmp_path, monkeypatch)
    with checkpoints.open_for(PARTS) as kept:
        assert kept.load() == {"number": 3}
    assert list(Path().iterdir()) == []


def test_a_training_that_fails_says_where_its_last_checkpoint_is() -> None:
    folder = leave_one(PARTS)
    with pytest.raises(TrainingError) as caught, checkpoints.open_for(PARTS):
        raise TrainingError("the loss is nan")
    said = f"the checkpoint of step 3, from before, is {folder}/step-000000003.safetensors"
    assert str(caught.value) == f"the loss is nan; {said}"


def test_a_fingerprint_has_settings_code_data_and_versions(tmp_path: Path) -> None:
    data = tmp_path / "train.safetensors"
    data.write_text("one")
    settings = {"pretrain": {"epochs": 2, "method": "simclr"}}
    parts = checkpoints.fingerprint(settings, [data], torch.device("cpu"))
    assert parts["pretrain.epochs"] == "2" and parts["torch"] == version("torch")
    own = Path(checkpoints.__file__)
    assert parts["the code of twinview.learning.checkpoints"] == files.sha256(own)
    data.write_text("two")
    other = checkpoints.fingerprint(settings, [data], torch.device("cpu"))
    assert {name for name in parts if parts[name] != other[name]} == {str(data)}


def test_a_fingerprint_has_the_code_that_dvc_yaml_lists_for_pretrain() -> None:
    parts = checkpoints.fingerprint({}, [], torch.device("cpu"))
    named = {name.removeprefix("the code of ") for name in parts if "the code of" in name}
    listed = dvc_yaml.code_dependencies("pretrain", pretrain.STAGE, ROOT)
    modules = {imports.module_of(Path(path)) for path in listed if path.endswith(".py")}
    assert named >= modules & sys.modules.keys() >= {"twinview.learning.loop", "pipeline.pretrain"}
    aside = {"twinview", "twinview.tracking.mlflow_runs", "twinview.stages.stage"}
    assert not aside & named and aside <= sys.modules.keys()


@pytest.mark.parametrize(
    "path",
    [
        paths.PREPARED / "train.safetensors",
        paths.PREPARED / "validation.safetensors",
        paths.PREPARED / splits.INDEX,
        LABELS / "train.safetensors",
        LABELS / splits.PAIRS,
        paths.VIEWS / cache.INDEX,
    ],
)
def test_a_pretraining_is_another_on_other_data_or_views(path: Path, folder: Path) -> None:
    recorded = {"pretrain": {"epochs": 2, "checkpoint_every": 4, "labels": "used"}}
    write_what_pretraining_reads(path)
    before = pretrain.fingerprint(recorded, torch.device("cpu"))
    path.write_text("after")
    after = pretrain.fingerprint(recorded, torch.device("cpu"))
    assert {name for name in before if before[name] != after[name]} == {str(path)}


def test_how_often_it_is_saved_does_not_make_another_training(folder: Path) -> None:
    write_what_pretraining_reads()
    found = [
        pretrain.fingerprint(
            {"pretrain": {"epochs": epochs, "checkpoint_every": often, "labels": "used"}},
            torch.device("cpu"),
        )
        for epochs, often in ((2, 4), (2, 8), (3, 4))
    ]
    assert found[0] == found[1] != found[2]


def write_what_pretraining_reads(*others: Path) -> None:
    parts = [paths.PREPARED / f"{name}.safetensors" for name in ("train", "validation")]
    parts += [paths.PREPARED / splits.INDEX, LABELS / splits.INDEX, paths.VIEWS / cache.INDEX]
    for each in (*parts, *others):
        each.parent.mkdir(parents=True, exist_ok=True)
        each.write_text("before")
