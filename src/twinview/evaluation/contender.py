"""What a task gets, and what it returns for each of its entries."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from torch import Tensor

from twinview.core import registry
from twinview.core.entries import Entry
from twinview.core.types import NO_LABEL, Embeddings


@dataclass(frozen=True)
class Contender:
    """An encoder, or a baseline, as a task sees it.

    A task that fine-tunes will need the encoder, and a task that detects will need the prepared
    data. Both become fields of this class then.

    Parameters
    ----------
    parts : the features by split, of all rows, those without a label too.
    classes : the names of the classes, by label.
    probes : by probe, the values of each option to choose from.
    progress : shows the progress of a sequence, as stage.progress does.
    views : (split, count, seed) to the features (2, n, d) of two augmented views of `count` random
        examples of the split; with a fourth argument, a pair of numbers, to those of these two
        companions of texts. The seed chooses the same examples for all contenders.
    own_probes : probes that take the place of those of the same names.
    """

    parts: Mapping[str, Embeddings]
    classes: Sequence[str]
    probes: Mapping[str, Mapping[str, Sequence[Any]]]
    progress: Callable[..., Iterator[Any]]
    views: Callable[..., Tensor]
    own_probes: Mapping[str, Callable[..., Tensor]] = field(default_factory=dict)

    def probe(self, name: str) -> Callable[..., Tensor]:
        """The probe that tasks fit to these features under a name."""
        return self.own_probes.get(name) or registry.find("probes", name)

    @cached_property
    def labelled(self) -> Mapping[str, Embeddings]:
        """The rows that have a label, by split: what probes are fitted on and scored by."""
        return {name: part.labelled() for name, part in self.parts.items()}


@dataclass(frozen=True)
class Result:
    """The results of one entry.

    Parameters
    ----------
    metrics : the numbers that DVC tracks: the declared measures on test, the primary first, then
        entries.SPREAD if the primary is a mean over draws, then the primary on validation.
    details : what pages show besides. They know "draws" (the primary of each draw), "chosen" (the
        options that validation chose), "confusion" with "classes" (see evaluation/metrics.py), and
        "nearest" (by cluster, the ids of the test examples nearest to its centre).
    predicted : (n,) int64, the label of each test example, for a task that predicts labels.
    assigned : (n,) int64, the cluster of each test example, for a task that finds clusters.
    words : what the entry is called, if that depends on the data; "" if it is as declared.
    """

    metrics: Mapping[str, float]
    details: Mapping[str, Any] = field(default_factory=dict)
    predicted: Tensor | None = None
    assigned: Tensor | None = None
    words: str = ""


Task = Callable[[Contender], Mapping[str, Result]]  # a task with its options


def metrics(results: Mapping[str, Result]) -> dict[str, dict[str, float]]:
    """What DVC tracks of one contender, by entry."""
    return {name: dict(result.metrics) for name, result in results.items()}


def details(results: Mapping[str, Result]) -> dict[str, dict[str, Any]]:
    """All that pages show of one contender, by entry."""
    return {name: {**result.metrics, **result.details} for name, result in results.items()}


def in_words(declared: Mapping[str, Entry], results: Mapping[str, Result]) -> dict[str, Entry]:
    """The declared entries, with the words of their results where these depend on the data."""
    return {
        name: replace(entry, words=results[name].words or entry.words)
        for name, entry in declared.items()
    }


def predictions(
    results: Mapping[str, Result], test: Embeddings, classes: Sequence[str]
) -> list[dict[str, Any]]:
    """A row for each test example: its id, its class, and what each entry says of it.

    That is the class by an entry that predicts, and the number of the cluster by one that finds
    clusters. The class of an example without a label is empty; without any labels there is none.
    """
    names = {**dict(enumerate(classes)), NO_LABEL: ""}
    labels = {name: of.predicted for name, of in results.items() if of.predicted is not None}
    columns = labels if test.labels is None else {"actual": test.labels, **labels}
    named: dict[str, list[Any]]
    named = {key: [names[label] for label in column.tolist()] for key, column in columns.items()}
    named |= {name: of.assigned.tolist() for name, of in results.items() if of.assigned is not None}
    return [
        {"id": row_id} | {key: column[place] for key, column in named.items()}
        for place, row_id in enumerate(test.ids.tolist())
    ]
