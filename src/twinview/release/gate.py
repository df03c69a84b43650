"""The gate: compares a change's results with floors, raw pixels and earlier results.

A metric has fallen if ours + 2 standard errors of the difference < theirs - the allowed drop.
docs/decisions/0008-gate.md says why.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from twinview.core.dvc_lock import LOCK
from twinview.core.files import flatten
from twinview.experiments.metric_names import RAW, of_baseline
from twinview.experiments.recorded_run import PARAMS, RecordedRun
from twinview.experiments.trainings import Trainings, number, trainings
from twinview.settings.sections import Gate

ERRORS = 2
_NAMED = 3  # edited files


@dataclass(frozen=True)
class Check:
    """One condition. holds: whether it is met, or None when there is nothing to compare with."""

    name: str
    against: str
    found: str
    wanted: str
    holds: bool | None
    why: str = ""


@dataclass(frozen=True)
class Reference:
    """Earlier results, a commit's or a champion's. lacks: why there are none."""

    name: str
    results: Trainings | None
    lacks: str = ""


def run_gate(settings: Gate, run: RecordedRun, references: Sequence[Reference] = ()) -> list[Check]:
    """The checks of a run's results against the gate's settings and earlier results."""
    ours, verdict = trainings(run), run.verdict
    wanted = " or ".join(settings.verdicts)
    return [
        *_belong(run),
        *(_floor(name, floor, ours, run) for name, floor in settings.floors.items()),
        *_better_than_raw(settings.better_than_raw, ours, run),
        *(
            _kept(name, drop, ours, reference, run)
            for reference in references
            for name, drop in settings.drops.items()
        ),
        Check("verdict", "pretraining", verdict, wanted, verdict in settings.verdicts),
    ]


def holds(checks: Sequence[Check]) -> bool:
    """Whether no check fails."""
    return all(check.holds is not False for check in checks)


def standard_error(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """The standard error of the difference of two means, with a pooled spread.

    None for one training each.
    """
    freedom = len(ours) + len(theirs) - 2
    if freedom == 0:
        return None
    means = (statistics.fmean(ours), statistics.fmean(theirs))
    squares = sum(
        (x - mean) ** 2 for of, mean in zip((ours, theirs), means, strict=True) for x in of
    )
    return math.sqrt(squares / freedom * (1 / len(ours) + 1 / len(theirs)))


def _belong(run: RecordedRun) -> Iterator[Check]:
    """Checks by dvc.lock, if there is one, that the results belong to the run's settings.

    Code that was edited since is only named, since the edit may be one of a docstring.
    """
    if not run.lock["stages"]:
        return
    why = [f"{run.stale}; `dvc repro` mends it"] if run.stale else []
    if run.edited:
        more = ["..."] if len(run.edited) > _NAMED else []
        why.append(f"code was edited since: {', '.join([*run.edited[:_NAMED], *more])}")
    wanted = f"of {PARAMS}"
    found = "stale" if run.stale else wanted
    yield Check("results", str(LOCK), found, wanted, run.stale is None, "; ".join(why))


def _floor(name: str, floor: float, ours: Trainings, run: RecordedRun) -> Check:
    value, why = _value(name, ours), _why_absent(name, ours, run)
    return Check(name, "floor", _shown(name, ours), f">= {floor:.4f}", value >= floor, why)


def _better_than_raw(names: Sequence[str], ours: Trainings, run: RecordedRun) -> Iterator[Check]:
    baselines = flatten(run.baselines) if names else {}
    raw = next((name for name in RAW if name in run.baselines), RAW[0]) if names else RAW[0]
    for name in names:
        theirs = number(baselines.get(of_baseline(raw, name)))
        wanted = f"> {theirs:.4f}" if math.isfinite(theirs) else "> absent"
        better, why = _value(name, ours) > theirs, _why_absent(name, ours, run)
        yield Check(name, raw.replace("_", " "), _shown(name, ours), wanted, better, why)


def _kept(name: str, drop: float, ours: Trainings, reference: Reference, run: RecordedRun) -> Check:
    """Compares means. If one side has one training only, the other's spread is used for both."""
    if name not in ours.values:
        why = _why_absent(name, ours, run) or "our results have no such metric"
        return Check(name, reference.name, "absent", "", False, why)
    if reference.results is None:
        return Check(name, reference.name, _shown(name, ours), "", None, reference.lacks)
    theirs = reference.results.values.get(name, ())
    if not theirs or not all(map(math.isfinite, theirs)):
        return Check(name, reference.name, _shown(name, ours), "", None, "it has no such metric")
    own = ours.values.get(name, (math.nan,))
    error = standard_error(own, theirs)
    least = statistics.fmean(theirs) - drop - ERRORS * (error or 0)
    why = f"{_mean(theirs)} less {drop:g}"
    why += ", no spread known" if error is None else f" and {ERRORS} standard errors of {error:.5f}"
    notes = dict.fromkeys(note for note in (ours.note, reference.results.note) if note)
    why = "; ".join([why, *notes])
    known = all(map(math.isfinite, own))
    shown = _mean(own) if known else _shown(name, ours)
    kept = known and statistics.fmean(own) >= least
    return Check(name, reference.name, shown, f">= {least:.5f}", kept, why)


def _why_absent(name: str, ours: Trainings, run: RecordedRun) -> str:
    """Why there is no such metric, if tasks were left out; "" otherwise."""
    if name in ours.values or not run.left_out:
        return ""
    return f"the data have no labels, so these were left out: {', '.join(run.left_out)}"


def _value(name: str, ours: Trainings) -> float:
    """The value in reports/metrics.json; NaN, which fails every comparison, if it is no number."""
    value = ours.values.get(name, (math.nan,))[0]
    return value if math.isfinite(value) else math.nan


def _shown(name: str, ours: Trainings) -> str:
    return f"{ours.values[name][0]:.4f}" if name in ours.values else "absent"


def _mean(values: Sequence[float]) -> str:
    of = f"{statistics.fmean(values):.5f}"
    return (
        of if len(values) == 1 else f"{of} ± {statistics.stdev(values):.5f} ({len(values)} seeds)"
    )
