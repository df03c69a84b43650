"""Short names for groups: the settings that differ, or of many the few that tell them apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from twinview.experiments.differences import describe_settings
from twinview.experiments.recorded_run import RecordedRun

MANY = 4  # more settings than that are too many for a name or for columns of their own
_TELLING = 3  # of many settings, those that a name has


def labels(
    firsts: Sequence[RecordedRun], each: Sequence[Mapping[str, Any]], differing: Sequence[str]
) -> list[str]:
    """A name for each group: of many settings the fewest that tell all of the groups apart.

    firsts: a run of each group. each: its values of the settings that differ.
    """
    found: list[str] = []
    for most in range(_TELLING if len(differing) > MANY else len(differing), len(differing) + 1):
        found = []
        for run, values in zip(firsts, each, strict=True):
            few = _telling(values, each, most)
            found.append(label(run, few, differing) + _more(len(values) - len(few)))
        if len(set(found)) == len(found):
            break
    return found


def label(run: RecordedRun, values: Mapping[str, Any], differing: Sequence[str]) -> str:
    """What differs, in words; the method where nothing does."""
    if not values:
        return str(run.settings["pretrain"]["method"])
    return ", ".join(describe_settings(values, differing))


def shorten_list(found: Sequence[str]) -> str:
    """A few of many, and how many more there are."""
    few = found if len(found) <= MANY else found[:_TELLING]
    return ", ".join(few) + _more(len(found) - len(few))


def _telling(
    values: Mapping[str, Any], each: Sequence[Mapping[str, Any]], most: int
) -> dict[str, Any]:
    """The values that the fewest others share, in their order."""

    def shared(key: str) -> int:
        return sum(key in other and other[key] == values[key] for other in each)

    kept = sorted(values, key=shared)[:most]
    return {key: value for key, value in values.items() if key in kept}


def _more(count: int) -> str:
    return f" and {count} more" if count else ""
