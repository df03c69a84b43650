"""What a finished pipeline has to say of itself, as data: summary_text puts it into words."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from twinview.core import files, paths
from twinview.core.errors import DataError
from twinview.experiments import recorded_run
from twinview.experiments.deviation import Deviation, deviation
from twinview.experiments.differences import ABSENT
from twinview.experiments.recorded_run import RecordedRun


def results() -> dict[str, Any]:
    """The same numbers by contender, task and metric, the verdict of the training, the page.

    seeds: the training seeds and the interval of each metric over them, or null. deviation: how far
    the encoder's accuracies are from the same training in reports/seeds.json, where they are not
    equal to it, or null. other_seeds: whether that file is of something else. trained: the hardware
    and the minutes of the training, or null in a clone that has no models/. stale: why the results
    are not those of params.yaml, or null.
    Raises DataError for a file that is not what its stage writes.
    """
    run = recorded_run.in_folder()
    _require_results(run)
    seeds, deviated = run.seeds, None if run.stale else deviation(run)
    over = {name: asdict(seeds.interval(name)) for name in seeds.metrics} if seeds else {}
    known = run.seeds_file is not None
    return {
        "results": {paths.OURS: run.metrics} | run.baselines,
        "seeds": {"seeds": list(seeds.seeds), "metrics": over} if seeds else None,
        "deviation": _told(deviated) if deviated else None,
        "other_seeds": known and not (seeds or deviated or run.stale),
        "trained": _trained(),
        "verdict": run.verdict,
        "stale": run.stale,
        "report": str(paths.REPORT),
    }


def _told(found: Deviation) -> dict[str, Any]:
    return {
        "seeds": list(found.reference.seeds),
        "hardware": found.reference.hardware,
        "versions": found.reference.versions,
        "gaps": dict(found.gaps),
        "beyond": None if found.outside is None else list(found.outside),
    }


def _trained() -> dict[str, Any] | None:
    if not paths.PRETRAIN_RUN.exists():
        return None
    found = files.load_json(paths.PRETRAIN_RUN)
    return {"hardware": found["hardware"], "minutes": round(found["seconds"] / 60, 1)}


def _require_results(run: RecordedRun) -> None:
    """Raises DataError for a report that lacks what its stage writes."""
    _require(paths.METRICS, run.metrics and _is_scores(run.metrics))
    for of in run.baselines.values():
        _require(paths.BASELINE_METRICS, _is_scores(of) and run.metrics.keys() <= of.keys())
    _require(paths.PRETRAIN_METRICS, run.verdict != ABSENT)


def _is_scores(value: Any) -> bool:
    """Whether it has an accuracy for each task."""
    return isinstance(value, dict) and all(
        isinstance(of, dict) and isinstance(of.get("accuracy"), float) for of in value.values()
    )


def _require(path: Path, claim: object) -> None:
    if not claim:
        raise DataError(f"{path} is not what `dvc repro` wrote; delete it, and run that again")
