"""How far a run's results are from those of the same training in reports/seeds.json.

Another kind of processor rounds differently, and so trains another encoder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twinview.experiments.intervals import prediction
from twinview.experiments.recorded_run import RecordedRun
from twinview.experiments.seeds import Seeds


@dataclass(frozen=True)
class Deviation:
    """The differences between the run's primary metrics and those of reports/seeds.json.

    reference: the file. gaps: the run's value minus the file's, by metric. outside: the metrics
    outside of the 95 % prediction interval for one more seed; None if the file has a single seed.
    """

    reference: Seeds
    gaps: Mapping[str, float]
    outside: tuple[str, ...] | None


def deviation(run: RecordedRun) -> Deviation | None:
    """How far the run is from the same training in its seeds file.

    The result is None if there is no such file, if it is of another training, or if it holds the
    results of this very run.
    """
    reference = run.same_training
    if reference is None or run.seeds:
        return None
    expected = reference.of_seed(run.seed)
    ours = {name: run.results[name] for name in run.primaries if name in expected}
    if not ours:
        return None
    gaps = {name: value - expected[name] for name, value in ours.items()}
    outside = [name for name, value in ours.items() if _outside(value, reference.metrics[name])]
    return Deviation(reference, gaps, tuple(outside) if len(reference.seeds) > 1 else None)


def _outside(value: float, others: Sequence[float]) -> bool:
    """Whether a value lies outside of the 95 % prediction interval of the others."""
    low, high = prediction(others)
    return not low <= value <= high
