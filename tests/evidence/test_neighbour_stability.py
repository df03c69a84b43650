"""Stability over the trainings of `twinview seeds`: from DVC's cache, for encoder and baseline."""

import statistics
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.evaluated import features
from twinview.core import paths
from twinview.evaluation.shared_neighbours import shared_neighbours
from twinview.evidence import neighbour_stability
from twinview.evidence.neighbour_stability import describe, stability
from twinview.experiments import dvc_experiments
from twinview.models import embeddings

FOLDERS = {paths.EMBEDDINGS: "", paths.BASELINES: "random_encoder"}


class Cache:
    """DVC's cache as folders, one for each out of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, seed: int, **replaced: Any) -> Any:
        """A run whose outs are cached; its random encoder is that of seed 0."""
        outs = []
        for out, inner in FOLDERS.items():
            digest = f"{out.name}-{seed}.dir"
            made = features(0 if inner else seed)
            embeddings.save(self.folder / digest / inner if inner else self.folder / digest, made)
            outs.append({"path": str(out), "md5": digest, "size": 1})
        return SimpleNamespace(lock={"stages": {"embed": {"outs": outs}}}, **replaced)

    def files(self, digest: str) -> dict[str, Path]:
        root = self.folder / digest
        return {str(p.relative_to(root)): p for p in root.rglob("*") if p.is_file()}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    made = Cache(tmp_path)
    monkeypatch.setattr(dvc_experiments, "cached_files", made.files)
    return made


def test_the_first_training_is_compared_with_each_other(cache: Cache) -> None:
    ours, random = stability([cache.run(seed) for seed in (0, 1, 2)])
    settings = {
        "count": neighbour_stability.NEIGHBOURS,
        "examples": neighbour_stability.EXAMPLES,
        "seed": neighbour_stability.SEED,
    }
    expected = [shared_neighbours(features(0), features(s), **settings) for s in (1, 2)]
    assert ours.contender == "encoder" and list(ours.shares) == expected
    assert random.contender == "random encoder" and random.shares == (1.0, 1.0)
    said = describe([ours, random])
    assert f"encoder {100 * statistics.fmean(expected):.0f} %, random encoder 100 %" in said
    assert "beside 2 more" in said
    assert f"train examples of {len(features(0)['test'])} test examples" in said


def test_what_the_cache_lacks_is_not_measured(cache: Cache) -> None:
    runs = [cache.run(seed) for seed in (0, 1)]
    (cache.folder / "baselines-1.dir/random_encoder/train.safetensors").unlink()
    (ours,) = stability(runs)
    assert ours.contender == "encoder"
    (cache.folder / "embeddings-0.dir/test.safetensors").unlink()
    assert stability(runs) == [] and describe([]) == ""


def test_a_run_without_a_lock_is_not_measured(cache: Cache) -> None:
    assert stability([cache.run(0), SimpleNamespace(lock={"stages": {}})]) == []  # type: ignore[list-item]
