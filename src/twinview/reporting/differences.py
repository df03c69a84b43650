"""How far the encoder is from each baseline in every task, as the page shows it first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twinview.core import entries
from twinview.core.entries import Entry, in_words
from twinview.core.paths import OURS, OURS_Z


@dataclass(frozen=True)
class Difference:
    """A signed number as text. worse: whether the encoder is worse, as the text says."""

    text: str
    worse: bool


@dataclass(frozen=True)
class Differences:
    """The encoder's primary measures minus those of each baseline.

    columns: the tasks in words. ours: the encoder's own values as text. rows: a baseline's name in
    words, and its differences: hundredths ("points") where the measure is a share.
    """

    columns: tuple[str, ...]
    ours: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Difference, ...]], ...]


def differences(
    contenders: Mapping[str, Mapping[str, Any]], declared: Mapping[str, Entry]
) -> Differences:
    """The differences in all entries that judge contenders.

    Parameters
    ----------
    contenders : the results by contender and entry.
    declared : the entries.
    """
    judged = {name: declared[name] for name in entries.judged(declared)}
    values = {
        contender: [found[name][entry.primary] for name, entry in judged.items()]
        for contender, found in contenders.items()
    }
    shares = [entry.is_share for entry in judged.values()]
    return Differences(
        columns=tuple(entry.words for entry in judged.values()),
        ours=tuple(f"{value:.3f}" for value in values[OURS]),
        rows=tuple(
            (in_words(name), tuple(map(_difference, values[OURS], theirs, shares)))
            for name, theirs in values.items()
            if name not in (OURS, OURS_Z)
        ),
    )


def _difference(ours: float, theirs: float, is_share: bool) -> Difference:
    gap = round(ours - theirs, 3)
    sign = "+" if gap > 0 else "−" if gap < 0 else "±"
    size = f"{100 * abs(gap):.1f}" if is_share else f"{abs(gap):.3f}"
    return Difference(sign + size, gap < 0)
