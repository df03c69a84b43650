"""Divisions of the labelled examples by groups, drawn again and again (evaluate.group_folds)."""

from collections import Counter
from collections.abc import Iterator, Mapping

import torch

from twinview.core.counts import counted
from twinview.core.errors import ConfigError
from twinview.core.types import NO_GROUP, Embeddings, Split
from twinview.data.division import divide

_STREAM = "group_folds"


def redraw_splits(
    parts: Mapping[str, Split] | Mapping[str, Embeddings], draws: int
) -> Iterator[tuple[str, ...]]:
    """For each draw, the new split of each example, in the order of the parts one after another.

    The splits have the shares that they have now, as far as whole groups allow, and are stratified
    by label. The draws depend on the examples and their own numbers only, so that all contenders
    get the same.

    Parameters
    ----------
    parts : examples with labels, by split.
    draws : the number of draws.

    Raises
    ------
    ConfigError : the examples have fewer groups than there are splits.
    """
    _require_groups(parts, draws)
    labels = torch.cat([part.labels for part in parts.values() if part.labels is not None])
    groups = torch.cat([part.groups for part in parts.values() if part.groups is not None])
    ids = torch.cat([part.ids for part in parts.values()])
    shares = {name: len(part) / len(ids) for name, part in parts.items()}
    for draw in range(draws):
        division = divide(
            ids.tolist(),
            shares,
            draw,
            labels=labels.tolist(),
            groups=[None if group == NO_GROUP else str(group) for group in groups.tolist()],
            given=None,
            stream=_STREAM,
        )
        # The shares sum to 1, so that no example is in no split.
        yield tuple(split for split in division.splits if split is not None)


def _require_groups(parts: Mapping[str, Split] | Mapping[str, Embeddings], draws: int) -> None:
    """Raises ConfigError if there are fewer groups than splits, or none."""
    numbers: Counter[int] = Counter()
    lacking = [name for name, part in parts.items() if part.groups is None]
    if not lacking:
        for part in parts.values():
            numbers.update(part.groups.tolist())  # type: ignore[union-attr]
    count = len(numbers.keys() - {NO_GROUP})
    if count < len(parts):
        has = counted(count, "group") if count else "no groups"
        raise ConfigError.at(
            "evaluate.group_folds",
            f"is {draws}, but the labelled examples have {has}, and each of {len(parts)} splits "
            "needs one",
            "set it to null, or give the examples more groups",
        )
