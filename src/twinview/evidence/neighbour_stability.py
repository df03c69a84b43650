"""How many nearest neighbours the trainings of `twinview seeds` have in common.

The embeddings of each training lie in DVC's cache. The random encoder stands beside the trained
one. Raw pixels have no seed, so their neighbours are always the same.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from twinview.core import paths
from twinview.core.tensor_files import load_tensors
from twinview.core.types import Embeddings
from twinview.evaluation.shared_neighbours import shared_neighbours
from twinview.experiments import dvc_experiments, lock_file
from twinview.experiments.recorded_run import RecordedRun

NEIGHBOURS, EXAMPLES, SEED = 10, 1000, 0
# By contender: the out that has its embeddings, and the folder in it.
_WHERE = {
    "encoder": (paths.EMBEDDINGS, ""),
    "random encoder": (paths.BASELINES, "random_encoder/"),
}


@dataclass(frozen=True)
class Stability:
    """The share of common neighbours of the first training with each of the others.

    asked, neighbours: of how many test examples, and how many of each.
    """

    contender: str
    shares: tuple[float, ...]
    asked: int
    neighbours: int

    @property
    def words(self) -> str:
        """The mean share, in words."""
        return f"{self.contender} {100 * statistics.fmean(self.shares):.0f} %"


def stability(runs: Sequence[RecordedRun]) -> list[Stability]:
    """The stability of each contender whose embeddings of all runs lie in DVC's cache."""
    return [found for name in _WHERE if (found := _stability(runs, name))]


def describe(found: Sequence[Stability]) -> str:
    """A sentence with the mean share of each contender; "" if nothing was measured."""
    if not found:
        return ""
    first = found[0]
    return (
        f"Of the {first.neighbours} nearest train examples of {first.asked:,} test examples, two "
        f"training seeds have in common: {', '.join(one.words for one in found)} "
        f"(the first training beside {len(first.shares)} more, on average)."
    )


def _stability(runs: Sequence[RecordedRun], contender: str) -> Stability | None:
    """The stability of a contender; None if DVC's cache lacks embeddings."""
    out, folder = _WHERE[contender]
    cached = [_cached(run, out, folder) for run in runs]
    known = [files for files in cached if files is not None]
    if len(known) < len(runs):
        return None
    first = _embeddings(known[0])
    shares = tuple(
        shared_neighbours(first, _embeddings(other), count=NEIGHBOURS, examples=EXAMPLES, seed=SEED)
        for other in known[1:]
    )
    asked, neighbours = min(EXAMPLES, len(first["test"])), min(NEIGHBOURS, len(first["train"]))
    return Stability(contender, shares, asked, neighbours) if shares else None


def _cached(run: RecordedRun, out: Path, folder: str) -> dict[str, Path] | None:
    """The files of train and test of a run in DVC's cache."""
    digest = lock_file.hash_of(run.lock, out)
    files = dvc_experiments.cached_files(digest) if digest else {}
    names = {name: f"{folder}{name}.safetensors" for name in ("train", "test")}
    if not all(file in files and files[file].is_file() for file in names.values()):
        return None
    return {name: files[file] for name, file in names.items()}


def _embeddings(files: dict[str, Path]) -> dict[str, Embeddings]:
    tensors = {name: load_tensors(path) for name, path in files.items()}
    return {name: Embeddings(t["features"], None, t["ids"]) for name, t in tensors.items()}
