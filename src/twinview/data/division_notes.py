"""Sentences on a division into splits: wishes that are missed, and classes that cannot be split."""

from collections import Counter
from collections.abc import Mapping, Sequence

from twinview.core.counts import counted

COPIES = "copies of"  # begins the name of a group that a cluster of copies is
_MOST_NAMED = 5

_Labels = Sequence[str | int | None] | None


def describe_division(
    splits: Sequence[str | None],
    wished: Mapping[str, float],
    rows: Mapping[str, int],
    labels: _Labels,
    groups: Sequence[str | None] | None,
) -> tuple[str, ...]:
    """The sentences; there are none when every wish is met.

    Parameters
    ----------
    splits : the split of each example, or None.
    wished, rows : how many examples each split should have, and how many it has.
    labels, groups : of each example, or None.
    """
    total = len(splits)
    notes = [
        f"{name}: {counted(rows[name], 'example')} ({rows[name] / total:.1%}) where {wish:,.0f} "
        f"({wish / total:.1%}) were wished for"
        for name, wish in wished.items()
        if abs(rows[name] - wish) >= 1
    ]
    known = {name for name in groups or () if name is not None}
    of_user = any(not str(name).startswith(COPIES) for name in known)
    if of_user and groups is not None and (alone := groups.count(None)):
        notes.append(f"{alone:,} of {total:,} examples have no group and are divided one by one")
    return (*notes, *_describe_classes(splits, list(wished), labels, groups))


def _describe_classes(
    splits: Sequence[str | None],
    names: Sequence[str],
    labels: _Labels,
    groups: Sequence[str | None] | None,
) -> list[str]:
    labelled = [(label, row) for row, label in enumerate(labels or ()) if label is not None]
    counts = Counter(label for label, _ in labelled)
    single = [label for label, count in counts.items() if count == 1]
    notes = [_name(single, "has one example", "have one example each")]
    if groups is not None:
        members = {(label, groups[row] or row) for label, row in labelled}
        in_groups = Counter(label for label, _ in members)
        one = [label for label in counts if in_groups[label] == 1 and counts[label] > 1]
        notes.append(_name(one, "lies in one group only", "lie in one group each"))
    present = {(label, splits[row]) for label, row in labelled}
    for name in names:
        absent = [label for label in counts if (label, name) not in present]
        ending = f"no example in {name}"
        notes.append(_name(absent, f"has {ending}", f"have {ending}"))
    return [note for note in notes if note]


def _name(classes: Sequence[str | int], singular: str, plural: str) -> str:
    """A sentence on the classes, which names the first ones; "" when there are none."""
    named = ", ".join(repr(label) for label in sorted(classes, key=str)[:_MOST_NAMED])
    if len(classes) == 1:
        return f"the class {named} {singular}"
    more = len(classes) - _MOST_NAMED
    others = f" and {counted(more, 'other')}" if more > 0 else ""
    return f"the classes {named}{others} {plural}" if classes else ""
