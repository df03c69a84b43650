"""How far a run's results are from the same training in reports/seeds.json.

Another kind of processor rounds differently, and so trains another encoder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twinview.experiments.intervals import prediction
from twinview.experiments.metric_names import is_our_accuracy
from twinview.experiments.recorded_run import RecordedRun
from twinview.experiments.seeds import Seeds


@dataclass(frozen=True)
class Deviation:
    """The encoder's accuracies less those of the file.

    gaps: the run's value less the file's, by metric. beyond: the metrics that lie outside of the
    95 % prediction interval for one more seed; None where the file holds one seed, which has no
    spread.
    """

    reference: Seeds
    gaps: Mapping[str, float]
    outside: tuple[str, ...] | None


def deviation(run: RecordedRun) -> Deviation | None:
    """How far the run is from the same training in its seeds file.

    None: there is no such file, it is of another training, or the run's results are among its own.
    """
    known = run.same_training
    if known is None or run.seeds:
        return None
    kept = known.of_seed(run.seed)
    ours = {n: value for n, value in run.results.items() if n in kept and is_our_accuracy(n)}
    if not ours:
        return None
    gaps = {name: value - kept[name] for name, value in ours.items()}
    beyond = [name for name, value in ours.items() if not _expected(value, known.metrics[name])]
    return Deviation(known, gaps, tuple(beyond) if len(known.seeds) > 1 else None)


def _expected(value: float, others: Sequence[float]) -> bool:
    """Whether a value lies where one more seed would, 95 times in 100."""
    low, high = prediction(others)
    return low <= value <= high
