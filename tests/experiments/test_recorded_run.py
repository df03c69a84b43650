"""A recorded run: each file is read once, and a fault is named with its place."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.reports import GATE, report, seeds
from twinview.core.dvc_lock import Read
from twinview.core.errors import DataError
from twinview.experiments import dvc_experiments
from twinview.experiments.deviation import deviation
from twinview.experiments.recorded_run import RecordedRun, at, in_folder
from twinview.experiments.trainings import trainings
from twinview.release.gate import run_gate
from twinview.reporting.summary import results


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was read."""
    found: Counter[str] = Counter()
    read_in = dvc_experiments.folder_reader

    def counting(folder: Path) -> Read:
        def read(path: Path) -> str:
            found[str(path)] += 1
            return read_in(folder)(path)

        return read

    monkeypatch.setattr(dvc_experiments, "folder_reader", counting)
    return found


def show() -> None:
    Path("reports/baselines.json").write_text("{}")
    results()


def gate() -> None:
    run_gate(GATE, in_folder())


@pytest.mark.parametrize("command", [show, gate])
def test_a_command_reads_each_file_once(
    command: Callable[[], None], folder: Path, reads: Counter[str]
) -> None:
    seeds(report(folder), linear__accuracy=[0.92, 0.93])
    Path("dvc.lock").write_text("stages: {report: {}}")
    reads.clear()
    command()
    assert {"params.yaml", "reports/metrics.json", "reports/seeds.json"} <= reads.keys()
    assert set(reads.values()) == {1}


def test_a_broken_file_is_named_with_its_folder(tmp_path: Path) -> None:
    (report(tmp_path) / "reports/metrics.json").write_text("{")
    with pytest.raises(DataError, match=rf"^{tmp_path}/reports/metrics\.json is not valid JSON"):
        _ = in_folder(tmp_path).metrics


def test_a_missing_file_is_named_with_its_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dvc_experiments, "text_at", lambda commit, path: None)
    with pytest.raises(DataError, match=r"^the experiment keen-fox has no reports/metrics\.json"):
        _ = at("abc", "keen-fox", "experiment").metrics


def test_a_run_without_a_lock_file_is_neither_stale_nor_of_known_data(tmp_path: Path) -> None:
    run = in_folder(report(tmp_path))
    assert (run.stale, run.data, run.minutes, run.protocol) == (None, None, None, None)


def test_code_is_edited_only_in_a_folder(tmp_path: Path) -> None:
    lock = '{"stages": {"a": {"deps": [{"path": "src/a.py", "md5": "1"}]}}}'
    (tmp_path / "dvc.lock").write_text(lock)
    assert in_folder(tmp_path).edited == ["src/a.py"]
    assert RecordedRun("abc", lambda path: lock, lambda digest: None, "abc").edited == []


def test_one_file_gives_the_spread_the_deviation_and_the_trainings(folder: Path) -> None:
    seeds(report(folder), linear__accuracy=[0.91, 0.93])
    run = in_folder()
    assert run.seeds is run.seeds_file is run.same_training and deviation(run) is None
    assert trainings(run).values["linear.accuracy"] == (0.91, 0.93)
    seeds(folder, linear__accuracy=[0.92, 0.93])
    other = in_folder()
    assert other.seeds is None and other.same_training is not None and deviation(other)
