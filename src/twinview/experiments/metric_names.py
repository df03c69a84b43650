"""What the dotted names of metrics mean.

`linear.accuracy` is the encoder's in the entry linear; `raw_pixels.linear.accuracy` a baseline's.
The names are made here, of what reports/metrics.json and baselines.json hold, and never parsed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twinview.core.entries import Entry, in_words, unrecorded

# Baselines: their names begin their metrics' names. A run has one of the raw ones.
RAW, SUPERVISED = ("raw_pixels", "tfidf", "statistics"), "supervised"
BESIDE = (*RAW, SUPERVISED)  # the baselines that stand beside the encoder in a row or sentence


@dataclass(frozen=True)
class Metric:
    """A measure of an entry. baseline: whose it is; empty for the encoder's."""

    baseline: str
    name_of_entry: str
    measure: str
    entry: Entry

    @property
    def name(self) -> str:
        """The dotted name."""
        return self._dotted(self.measure)

    @property
    def is_primary(self) -> bool:
        """Whether it is the measure that its entry is compared by."""
        return self.measure == self.entry.primary

    @property
    def validation(self) -> str:
        """The dotted name of the primary measure on validation, of the same entry."""
        return self._dotted(self.entry.validation)

    @property
    def heading(self) -> str:
        """The name as a column's heading; the primary measure is left out of it."""
        return self._dotted("" if self.is_primary else self.measure)

    @property
    def measure_words(self) -> str:
        """The measure in words."""
        return self.entry.measures.get(self.measure, in_words(self.measure))

    @property
    def words(self) -> str:
        """The metric in words: "10 labels a class", "raw pixels, knn probe, F1"."""
        measure = "" if self.is_primary else self.measure_words
        return ", ".join(filter(None, (in_words(self.baseline), self.entry.words, measure)))

    def _dotted(self, measure: str) -> str:
        return ".".join(filter(None, (self.baseline, self.name_of_entry, measure)))


def named(
    ours: Mapping[str, Any], baselines: Mapping[str, Any], entries: Mapping[str, Entry]
) -> dict[str, Metric]:
    """The metrics of a run by their dotted names, the encoder's first.

    ours: reports/metrics.json. baselines: reports/baselines.json. entries: the run's.
    """
    contenders = {"": ours, **baselines}
    metrics = [
        Metric(baseline, entry, measure, known[entry])
        for baseline, of in contenders.items()
        if isinstance(of, Mapping)
        for known in [{**unrecorded(of), **entries}]
        for entry, measures in of.items()
        if isinstance(measures, Mapping)
        for measure in measures
    ]
    return {metric.name: metric for metric in metrics}


def of_baseline(baseline: str, metric: str) -> str:
    """The name that a metric of the encoder has for a baseline."""
    return f"{baseline}.{metric}"
