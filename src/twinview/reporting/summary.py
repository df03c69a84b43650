"""What a finished pipeline has to say of itself, as data: summary_text puts it into words."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from twinview.core import files, paths
from twinview.core.errors import DataError
from twinview.experiments import dvc_experiments, lock_file, seeding

_HERE = dvc_experiments.in_folder(Path())


def results() -> dict[str, Any]:
    """The same numbers by contender, task and metric, the verdict of the training, the page.

    seeds: the training seeds and the interval of each metric over them, or null. deviation: how far
    the encoder's accuracies are from the same training in reports/seeds.json, where they are not
    equal to it, or null. other_seeds: whether that file is of something else. trained: the hardware
    and the minutes of the training, or null in a clone that has no models/. stale: why the results
    are not those of params.yaml, or null.
    Raises DataError for a file that is not what its stage writes.
    """
    ours, baselines, trained = (
        files.load_json(path)
        for path in (paths.METRICS, paths.BASELINE_METRICS, paths.PRETRAIN_METRICS)
    )
    _require(paths.METRICS, _is_scores(ours) and ours)
    _require(paths.BASELINE_METRICS, isinstance(baselines, dict))
    tasks = set(ours)
    for of in baselines.values():
        _require(paths.BASELINE_METRICS, _is_scores(of) and tasks <= set(of))
    _require(paths.PRETRAIN_METRICS, isinstance(trained, dict) and "verdict" in trained)
    seeds, stale = seeding.fitting(_HERE), _stale()
    deviation = None if stale else _deviation()
    over = {name: asdict(seeds.interval(name)) for name in seeds.metrics} if seeds else {}
    return {
        "results": {paths.OURS: ours} | baselines,
        "seeds": {"seeds": list(seeds.seeds), "metrics": over} if seeds else None,
        "deviation": deviation,
        "other_seeds": seeding.load(_HERE) is not None and not (seeds or deviation or stale),
        "trained": _trained(),
        "verdict": trained["verdict"],
        "stale": stale,
        "report": str(paths.REPORT),
    }


def _deviation() -> dict[str, Any] | None:
    found = seeding.deviation(_HERE)
    if found is None:
        return None
    known = found.known
    return {
        "seeds": list(known.seeds),
        "hardware": known.hardware,
        "versions": known.versions,
        "gaps": dict(found.gaps),
        "beyond": None if found.beyond is None else list(found.beyond),
    }


def _trained() -> dict[str, Any] | None:
    if not paths.PRETRAIN_RUN.exists():
        return None
    found = files.load_json(paths.PRETRAIN_RUN)
    return {"hardware": found["hardware"], "minutes": round(found["seconds"] / 60, 1)}


def _stale() -> str | None:
    lock = lock_file.load(_HERE)
    if not lock["stages"]:
        return None
    return lock_file.altered(lock, _HERE) or lock_file.stale(lock, seeding.settings(_HERE))


def _is_scores(value: Any) -> bool:
    """Whether it has an accuracy for each task."""
    return isinstance(value, dict) and all(
        isinstance(of, dict) and isinstance(of.get("accuracy"), float) for of in value.values()
    )


def _require(path: Path, claim: object) -> None:
    if not claim:
        raise DataError(f"{path} is not what `dvc repro` wrote; delete it, and run that again")
