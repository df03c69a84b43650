"""The short table that a finished pipeline ends with."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from twinview import artifacts, experiments, lockfile, paths, seeding
from twinview.errors import DataError
from twinview.intervals import WORDS, Interval
from twinview.text_table import aligned

_HERE = experiments.in_folder(Path())


def summary(found: Mapping[str, Any]) -> str:
    """Our encoder beside its baselines, one line each; then where to look further.

    found: as `results` says. Means with intervals, where it has them.
    """
    seeds = found["seeds"]
    rows = found["results"]
    tasks = list(rows[paths.OURS])
    table = [["", *tasks]]
    table += [
        [name, *(_cell(name, task, row, seeds) for task in tasks)] for name, row in rows.items()
    ]
    return "\n".join(
        [
            "Accuracy on test, protocol frozen-3 (_n: with n labels a class, mean of the draws)",
            *aligned(table, right=True),
            _what_the_spread_is(seeds),
            f"Pretraining: {found['verdict']}.",
            *(
                [f"Not of params.yaml: {found['stale']}; run `dvc repro`."]
                if found["stale"]
                else []
            ),
            f"Report: {paths.REPORT}",
            "MLflow: make ui",
        ]
    )


def results() -> dict[str, Any]:
    """The same numbers by contender, task and metric, the verdict of the training, the page.

    seeds: the training seeds and the interval of each metric over them, or null. stale: why the
    results are not those of params.yaml, or null.
    Raises DataError for a file that is not what its stage writes.
    """
    ours, baselines, trained = (
        artifacts.load_json(path)
        for path in (paths.METRICS, paths.BASELINE_METRICS, paths.PRETRAIN_METRICS)
    )
    _require(paths.METRICS, _is_scores(ours) and ours)
    _require(paths.BASELINE_METRICS, isinstance(baselines, dict))
    tasks = set(ours)
    for of in baselines.values():
        _require(paths.BASELINE_METRICS, _is_scores(of) and tasks <= set(of))
    _require(paths.PRETRAIN_METRICS, isinstance(trained, dict) and "verdict" in trained)
    seeds = seeding.fitting(_HERE)
    over = {name: asdict(seeds.interval(name)) for name in seeds.metrics} if seeds else {}
    return {
        "results": {paths.OURS: ours} | baselines,
        "seeds": {"seeds": list(seeds.seeds), "metrics": over} if seeds else None,
        "verdict": trained["verdict"],
        "stale": _stale(),
        "report": str(paths.REPORT),
    }


def _stale() -> str | None:
    lock = lockfile.recorded()
    return lockfile.stale(lock, seeding.settings(_HERE)) if lock["stages"] else None


def _cell(name: str, task: str, row: Mapping[str, Any], seeds: Mapping[str, Any] | None) -> str:
    """The accuracy of a contender in a task, over the seeds if there are several."""
    if seeds is None:
        return f"{row[task]['accuracy']:.3f}"
    prefix = "" if name == paths.OURS else f"{name}."
    return str(Interval(**seeds["metrics"][f"{prefix}{task}.accuracy"]))


def _what_the_spread_is(seeds: Mapping[str, Any] | None) -> str:
    if seeds and len(seeds["seeds"]) > 1:
        return f"±: {WORDS}, {len(seeds['seeds'])} training seeds (reports/seeds.json)."
    if seeding.load(_HERE) and not seeds:
        return f"{seeding.FILE} is of other settings or results; `twinview seeds` renews it."
    return "One training seed, so no intervals; `twinview seeds 3` trains with three."


def _is_scores(value: Any) -> bool:
    """Whether it has an accuracy for each task."""
    return isinstance(value, dict) and all(
        isinstance(of, dict) and isinstance(of.get("accuracy"), float) for of in value.values()
    )


def _require(path: Path, claim: object) -> None:
    if not claim:
        raise DataError(f"{path} is not what `dvc repro` wrote; delete it, and run that again")
