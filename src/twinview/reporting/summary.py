"""The results of a finished pipeline as data; summary_text turns them into text."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from twinview.core import entries, files, paths
from twinview.core.errors import DataError
from twinview.experiments import recorded_run
from twinview.experiments.deviation import Deviation, deviation
from twinview.experiments.differences import ABSENT
from twinview.experiments.recorded_run import RecordedRun


def results() -> dict[str, Any]:
    """The same numbers by contender, entry and metric, the verdict of the training, the page.

    entries: what the tasks declared of each entry. seeds: the training seeds and the interval of
    each metric over them, or null. deviation: how far the encoder's primary metrics are from the
    same training in reports/seeds.json, where they are not equal to it, or null. other_seeds:
    whether that file is of something else. trained: the hardware and the minutes of the training,
    or null in a clone that has no models/. left_out: the tasks and baselines that need labels,
    which the data do not have, by name with the reason. examples: how many examples the source has,
    and how many are left out by reason, or null where that is not known. stale: why the results
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
        "entries": entries.to_json(run.entries),
        "protocol": run.protocol,
        "seeds": {"seeds": list(seeds.seeds), "metrics": over} if seeds else None,
        "deviation": _told(deviated) if deviated else None,
        "other_seeds": known and not (seeds or deviated or run.stale),
        "trained": _trained(),
        "verdict": run.verdict,
        "left_out": run.left_out,
        "examples": _examples(),
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


def _examples() -> dict[str, Any] | None:
    """What the data card says; None in a clone that has none, or one of an earlier version."""
    card = files.load_json(paths.DATA_CARD) if paths.DATA_CARD.exists() else {}
    if "left_out" not in card:
        return None
    return {"count": card["examples"], "left_out": card["left_out"]}


def _trained() -> dict[str, Any] | None:
    if not paths.PRETRAIN_RUN.exists():
        return None
    found = files.load_json(paths.PRETRAIN_RUN)
    return {"hardware": found["hardware"], "minutes": round(found["seconds"] / 60, 1)}


def _require_results(run: RecordedRun) -> None:
    """Raises DataError for a report that lacks what its stage writes."""
    _require(paths.METRICS, run.metrics and _has_primaries(run.metrics, run))
    for of in run.baselines.values():
        _require(paths.BASELINE_METRICS, _has_primaries(of, run))
    _require(paths.PRETRAIN_METRICS, run.verdict != ABSENT)


def _has_primaries(value: Any, run: RecordedRun) -> bool:
    """Whether it has the primary metric of each of the encoder's entries."""
    return isinstance(value, dict) and all(
        name in run.entries
        and isinstance(of := value.get(name), dict)
        and isinstance(of.get(run.entries[name].primary), float)
        for name in run.metrics
    )


def _require(path: Path, claim: object) -> None:
    if not claim:
        raise DataError(f"{path} is not what `dvc repro` wrote; delete it, and run that again")
