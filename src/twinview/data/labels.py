"""Labels, groups and given splits of examples: none, or by the folders that hold the files."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from twinview.core.counts import counted
from twinview.core.errors import ConfigError, DataError

# From the words of a user's table or folders to the names of the splits.
SPLIT_NAMES: Mapping[str, str] = MappingProxyType(
    {name: name for name in ("train", "validation", "test")}
)
_PARTS = ("label", "group", "split", "*")
_Column = tuple[str | None, ...] | None


@dataclass(frozen=True)
class Labels:
    """What is known of each example, in the order of the examples.

    labels, groups, splits: one text or None for each example; the whole column is None where
    nothing gives it. notes: sentences on what was counted or left out.
    """

    labels: _Column = None
    groups: _Column = None
    splits: _Column = None
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The sorted names of the classes of all examples, whatever their split."""
        return class_names(self.labels or ())


def class_names(labels: Iterable[str | None]) -> tuple[str, ...]:
    """The sorted different labels."""
    return tuple(sorted({label for label in labels if label is not None}))


def labels_by_folder(
    paths: Sequence[str], layout: str, split_names: Mapping[str, str] = SPLIT_NAMES
) -> Labels:
    """The labels, groups and splits that the names of folders give.

    Parameters
    ----------
    paths : the relative paths of the files, with slashes.
    layout : what the outermost folders stand for, from the outside: "label", "split/label",
        "label/group" and the like; "*" is a folder without a meaning. A file that lies less deep
        has none of what its missing folders would give. Deeper folders have no meaning.
    split_names : from the names of the split folders to train, validation and test.

    Raises
    ------
    ConfigError : the layout is none.
    DataError : a folder in the place of a split has another name.
    """
    parts = _parts(layout)
    columns: dict[str, _Column] = {
        part: tuple(_folder(path, position) for path in paths)
        for position, part in enumerate(parts)
        if part != "*"
    }
    splits = columns.get("split")
    if splits is not None:
        columns["split"] = tuple(
            split_of(name, split_names, path) for name, path in zip(splits, paths, strict=True)
        )
    labels = columns.get("label")
    notes = describe_labels(labels) if labels is not None else ()
    return Labels(labels, columns.get("group"), columns.get("split"), notes)


def unlabel_small_classes(labels: Labels, least: int) -> Labels:
    """The same labels, but for the examples of classes with fewer than `least`, which lose theirs.

    Such an example is still one to learn from without a label. A note names the classes.
    """
    assert labels.labels is not None, "there are labels"
    counts = Counter(labels.labels)
    small = sorted(name for name, count in counts.items() if name is not None and count < least)
    if not small:
        return labels
    column = tuple(None if label in small else label for label in labels.labels)
    lost = sum(counts[name] for name in small)
    note = (
        f"{counted(lost, 'example')} of classes with fewer than {least} "
        f"{'counts' if lost == 1 else 'count'} as unlabelled "
        f"({', '.join(small)})"
    )
    return replace(labels, labels=column, notes=(*labels.notes, note))


def split_of(text: str | None, split_names: Mapping[str, str], place: str) -> str | None:
    """The split that a text names. Raises DataError, with the place, for any other text."""
    if text is None:
        return None
    if text not in split_names:
        raise DataError.at(
            place,
            f"has the split {text!r}, which is none of {', '.join(split_names)}",
            "use one of these names, or state in split_names which split it is",
        )
    return split_names[text]


def clean(text: str | None) -> str | None:
    """The text without spaces around it and in Unicode's composed form (NFC); None when empty.

    macOS writes names in the decomposed form, which looks the same and would be another class.
    """
    return unicodedata.normalize("NFC", text.strip()) or None if text is not None else None


def describe_labels(labels: Sequence[str | None]) -> tuple[str, ...]:
    """Sentences on examples without a label, and on classes whose names differ in case only."""
    notes = []
    if count := sum(label is None for label in labels):
        notes.append(f"{count:,} of {len(labels):,} examples have no label")
    by_lower: dict[str, list[str]] = {}
    for name in class_names(labels):
        by_lower.setdefault(name.casefold(), []).append(name)
    notes += [
        f"the classes {' and '.join(map(repr, names))} differ in case only, and count as different"
        for names in by_lower.values()
        if len(names) > 1
    ]
    return tuple(notes)


def _parts(layout: str) -> list[str]:
    parts = layout.split("/")
    meaningful = [part for part in parts if part != "*"]
    if set(parts) <= set(_PARTS) and meaningful and len(set(meaningful)) == len(meaningful):
        return parts
    raise ConfigError.at(
        "the layout of the folders",
        f"is {layout!r}",
        f"write each of {', '.join(_PARTS[:-1])} at most once, from the outermost folder on, with "
        'slashes between, and * for a folder without a meaning, such as "split/label"',
    )


def _folder(path: str, position: int) -> str | None:
    """The name of the folder at a position of the path, from the outside."""
    folders = path.split("/")[:-1]
    return clean(folders[position]) if position < len(folders) else None
