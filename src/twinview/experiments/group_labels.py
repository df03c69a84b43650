"""Short labels of groups: the settings that differ, or a few of them if these suffice."""

from collections.abc import Mapping, Sequence
from typing import Any

from twinview.experiments.differences import describe_settings
from twinview.experiments.recorded_run import RecordedRun

MANY = 4  # more settings than that are too many for a label or for columns of their own
_FEW = 3  # the settings in a label when there are too many


def labels(
    firsts: Sequence[RecordedRun], each: Sequence[Mapping[str, Any]], differing: Sequence[str]
) -> list[str]:
    """A label for each group. Too many settings are shortened, as long as all labels differ.

    Parameters
    ----------
    firsts : a run of each group.
    each : the values in each group of the settings that differ.
    differing : the names of these settings.
    """
    texts: list[str] = []
    for most in range(_FEW if len(differing) > MANY else len(differing), len(differing) + 1):
        texts = []
        for run, values in zip(firsts, each, strict=True):
            few = _rarest(values, each, most)
            texts.append(label(run, few, differing) + _more(len(values) - len(few)))
        if len(set(texts)) == len(texts):
            break
    return texts


def label(run: RecordedRun, values: Mapping[str, Any], differing: Sequence[str]) -> str:
    """The settings that differ, with their values; the method if there are none."""
    if not values:
        return str(run.settings["pretrain"]["method"])
    return ", ".join(describe_settings(values, differing))


def shorten_list(texts: Sequence[str]) -> str:
    """The first of many texts, and how many more there are."""
    few = texts if len(texts) <= MANY else texts[:_FEW]
    return ", ".join(few) + _more(len(texts) - len(few))


def _rarest(
    values: Mapping[str, Any], each: Sequence[Mapping[str, Any]], most: int
) -> dict[str, Any]:
    """The values that the fewest groups share, in their order."""

    def shared(key: str) -> int:
        return sum(key in other and other[key] == values[key] for other in each)

    rarest = sorted(values, key=shared)[:most]
    return {key: value for key, value in values.items() if key in rarest}


def _more(count: int) -> str:
    return f" and {count} more" if count else ""
