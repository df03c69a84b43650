"""Seeds and sweeps through DVC's experiments and its queue, in a project of its own."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import end_all
from tests.support.recorded import Project

pytestmark = pytest.mark.slow

TWINVIEW = ("python", "-m", "twinview.cli")
PATIENCE_S = 2400  # for four experiments of a minute each, on a machine that does other things too


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The pipeline over two seeds, and its results in git."""
    made = Project(tmp_path_factory.mktemp("compare") / "project")
    made.output = made.done(*TWINVIEW, "seeds", "2")  # type: ignore[attr-defined]
    made.done("git", "add", "-A")
    made.done("git", "commit", "-qm", "results")
    yield made
    end_all(made.folder)  # the workers of the queue, also where its fixture fails


@pytest.fixture(scope="module")
def swept(project: Project) -> dict[str, Any]:
    """What compare says after a queue of two methods, a range, and one that cannot train.

    All of it is one part, whose keys stand beside the others.
    """
    queue = ("dvc", "exp", "run", "--queue")
    project.done(*queue, "-S", "pretrain.method=simclr,barlow_twins", "-S", "pretrain.epochs=1",
                 "-S", "pretrain.warmup_epochs=0")  # fmt: skip
    project.done(*queue, "-S", "methods.simclr.temperature=range(0.3,0.5,0.1)")
    project.done(*queue, "--name", "broken", "-S", "pretrain.batch_size=4096")
    waiting = json.loads(project.done(*TWINVIEW, "compare", "--json"))["not_compared"]
    assert sorted(waiting.values()) == ["queued"] * 5 and "broken" in waiting
    project.done("dvc", "queue", "start", "--jobs", "2")
    deadline = time.monotonic() + PATIENCE_S
    while any(word in project.done("dvc", "queue", "status") for word in ("Queued", "Running")):
        assert time.monotonic() < deadline, project.done("dvc", "queue", "status")
        time.sleep(5)
    said: dict[str, Any] = json.loads(project.run(*TWINVIEW, "compare", "--json").stdout)
    (part,) = said["parts"]
    return part | said


def test_seeds_end_with_means_and_intervals(project: Project) -> None:
    said: str = project.output  # type: ignore[attr-defined]
    assert "±: 95 % confidence interval of the mean" in said and "2 training seeds" in said
    assert re.search(r"have in common: encoder \d+ %, random encoder \d+ % \(", said)
    kept = project.json("reports/seeds.json")
    assert kept["seeds"] == [0, 1]
    own = project.json("reports/metrics.json")["linear"]["accuracy"]
    assert kept["metrics"]["linear.accuracy"][0] == own
    supervised = [v for name, v in kept["metrics"].items() if name.startswith("supervised.")]
    assert any(one != other for one, other in supervised), "the baselines are trained anew too"
    assert len(set(kept["metrics"]["raw_pixels.linear.accuracy"])) == 1


def test_seeds_that_are_known_are_not_trained_again(project: Project) -> None:
    before = project.json("reports/seeds.json"), project.trainings()
    project.done(*TWINVIEW, "seeds", "2")
    assert (project.json("reports/seeds.json"), project.trainings()) == before
    assert " ± " in project.done(*TWINVIEW, "show")


def test_a_sweep_is_one_row_a_setting(swept: dict[str, Any]) -> None:
    found = {group["label"]: group for group in swept["groups"]}
    assert found.keys() == {
        "method simclr, epochs 2, warmup_epochs 0.2, temperature 0.2",
        "method simclr, epochs 2, warmup_epochs 0.2, temperature 0.3",
        "method simclr, epochs 2, warmup_epochs 0.2, temperature 0.4",
        "method simclr, epochs 1, warmup_epochs 0, temperature 0.2",
        "method barlow_twins, epochs 1, warmup_epochs 0",
    }
    ours = found["method simclr, epochs 2, warmup_epochs 0.2, temperature 0.2"]
    assert ours["seeds"] == [0, 1] and len(ours["runs"]) == 2
    assert any(metric["half"] > 0 for metric in ours["metrics"].values())
    assert swept["picked"]["linear.accuracy"] == "picked on validation"
    for group in found.values():
        assert group["validation"].keys() == group["metrics"].keys()
        assert group["minutes"] > 0 and group["bytes"] > group["own_bytes"] > 0


def test_what_failed_is_set_apart(swept: dict[str, Any]) -> None:
    assert swept["not_compared"] == {"broken": "failed"}


def test_the_page_of_the_sweep_is_one_small_file(project: Project, swept: Any) -> None:
    page: Path = project.folder / "reports/compare.html"
    assert page.stat().st_size < 1e6 and "barlow_twins" in page.read_text()
    assert not project.done("git", "status", "--porcelain"), "neither it nor compare.md is for git"
