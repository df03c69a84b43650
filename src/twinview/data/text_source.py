"""What a source of texts returns: the texts, what is known of each, and how they become tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Len

from twinview.data.labels import Labels


@dataclass(frozen=True, kw_only=True)
class TokenOptions:
    """How texts become token numbers; a source has these options under the name tokens.

    kind: words, or pieces of words by byte-pair encoding, which languages without spaces need.
    vocabulary: how many tokens there are at most. length: how many tokens of a text are kept.
    joined: whether an example's features are those of all its texts; else they are those of its
    first one, and the others are only seen as its views.
    """

    kind: Literal["words", "bpe"]
    vocabulary: Annotated[int, Ge(300)]
    length: Annotated[int, Ge(2)]
    joined: bool


@dataclass(frozen=True, kw_only=True)
class TextColumns:
    """The names of a table's columns. texts: an example's text, or several, its companions.

    label, group, split: None where the table has no such column.
    """

    texts: Annotated[tuple[str, ...], Len(1)]
    label: str | None
    group: str | None
    split: str | None


@dataclass(frozen=True)
class TextSource:
    """Texts that the stage prepare makes tokens of.

    texts: the companions of each example, as many for each; an empty one is not there. ids:
    different for all examples. origins: where each comes from, in words. labels: the labels, groups
    and splits, in that order. files: those of the user.
    """

    texts: Sequence[tuple[str, ...]]
    ids: Sequence[int]
    origins: Sequence[str]
    labels: Labels
    tokens: TokenOptions
    files: tuple[Path, ...] = ()
