"""How much the results of probes vary between groups: the groups are divided anew, many times.

A result of one division by groups (patients, cameras) depends on which groups test has. So the
labelled examples of all splits are divided anew, and every probe is fitted and tested again. The
features stay as they are: the encoder has been trained on the train examples of the first division,
without their labels, and some of these are test examples of other draws. So the draws measure how
probes vary between groups, not how encoders do.
"""

import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from scipy import special

from twinview.core.entries import OVER_GROUPS
from twinview.core.types import Embeddings
from twinview.data.group_folds import redraw_splits
from twinview.evaluation import protocol
from twinview.evaluation.contender import Contender, Result, Task


def add_group_folds(
    results: Mapping[str, Result],
    contender: Contender,
    tasks: Sequence[Task],
    measures: Collection[str],
    draws: int,
) -> dict[str, Result]:
    """The results; those of the tasks have their measures over draws of groups too.

    A measure is called so with the ending entries.OVER_GROUPS, and it is the mean over the draws.
    The details have the values of all draws, their standard deviation and an interval of the mean.

    Parameters
    ----------
    results : of the contender, by entry.
    contender : the features, with groups.
    tasks : the tasks that are measured again.
    measures : those that the tasks declare.
    draws : the number of draws.

    Raises
    ------
    ConfigError : the labelled examples have fewer groups than there are splits.
    """
    divided = list(redraw_splits(contender.labelled, draws))
    again = [
        protocol.evaluate(replace(contender, parts=parts), tasks)
        for parts in contender.progress(
            redrawn(contender.labelled, divided), draws, "evaluate: groups drawn anew"
        )
    ]
    ratio = statistics.fmean(names.count("test") / _fitted(names) for names in divided)
    added = {
        name: _added(results[name], [found[name] for found in again], measures, ratio)
        for name in again[0]
    }
    return {**results, **added}


def redrawn(
    parts: Mapping[str, Embeddings], divided: Sequence[Sequence[str]]
) -> Iterator[dict[str, Embeddings]]:
    """For each division, the same rows in their new splits.

    parts: labelled rows by split. divided: for each division the new split of each row.
    """
    rows = _pooled(parts)
    for names in divided:
        yield {
            split: rows.take(torch.tensor([name == split for name in names]).nonzero().squeeze(1))
            for split in parts
        }


def corrected_interval(values: Sequence[float], ratio: float) -> tuple[float, float]:
    """The 95 % interval of the mean over draws whose rows overlap.

    It is mean ± t(0.975, n - 1) * s * sqrt(1 / n + ratio), the corrected resampled t of Nadeau and
    Bengio (Machine Learning 52, 2003, section 3): without the ratio it would be far too narrow,
    since every row is in many draws.

    Parameters
    ----------
    values : of two or more draws.
    ratio : the number of test rows by that of the rows that were fitted on.
    """
    n, mean = len(values), statistics.fmean(values)
    t = float(special.stdtrit(n - 1, 0.975))
    half = t * statistics.stdev(values) * (1 / n + ratio) ** 0.5
    return mean - half, mean + half


def _added(
    result: Result, draws: Sequence[Result], measures: Collection[str], ratio: float
) -> Result:
    values = {
        key: [draw.metrics[key] for draw in draws] for key in result.metrics if key in measures
    }
    means = {f"{key}{OVER_GROUPS}": statistics.fmean(of) for key, of in values.items()}
    details: dict[str, Any] = {
        key: {
            "draws": of,
            "deviation": statistics.stdev(of),
            "interval": list(corrected_interval(of, ratio)),
        }
        for key, of in values.items()
    }
    metrics = {**result.metrics, **means}
    return replace(result, metrics=metrics, details={**result.details, "over_groups": details})


def _pooled(parts: Mapping[str, Embeddings]) -> Embeddings:
    """The rows of all parts, one after another, without their groups."""
    return Embeddings(
        torch.cat([part.features for part in parts.values()]),
        torch.cat([part.required_labels() for part in parts.values()]),
        torch.cat([part.ids for part in parts.values()]),
    )


def _fitted(names: Sequence[str]) -> int:
    return len(names) - names.count("test")
