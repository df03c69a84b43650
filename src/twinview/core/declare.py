"""What a plug-in declares beside its options: the constant DECLARES of its file, one of these.

DECLARES is read without loading the file (core/signatures.py), since most files load PyTorch. So it
may name what the file imports, and the file's constants and functions, best none of PyTorch.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, final

# (the plug-in's options, all settings) to a sentence for each fault. Settings are a
# settings.params.Params, which this package may not name.
Check = Callable[[Any, Any], Iterable[str]]
# (examples of a batch, those of an anchor's class, the options) to an anchor's negatives.
Negatives = Callable[[int, int, Mapping[str, Any]], int]
# A task's options to the names of its entries, each with its words.
Entries = Callable[[Mapping[str, Any]], Mapping[str, str]]
# (a task's options, labelled examples by class of each split) to a sentence for each fault.
CheckCounts = Callable[[Mapping[str, Any], Mapping[str, Mapping[str, int]]], Iterable[str]]
# An encoder's options to what they name, or to nothing.
Files = Callable[[Mapping[str, Any]], Iterable[str]]
# An encoder's options and the channels of a picture to the mean and the deviation of each channel.
Channels = tuple[tuple[float, ...], tuple[float, ...]]
Standard = Callable[[Mapping[str, Any], int], Channels | None]
Positives = Literal["views", "classes", "pairs"]


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What a plug-in of any kind may declare.

    check: refuses options that do not go with each other or with other settings, before any work.
    quick: options in place of params.yaml's, with which a trial takes no time; tests use them.
    opts_out: the laws of tests/contracts/ that do not hold for it, each with the reason.
    """

    check: Check | None = None
    quick: Mapping[str, Any] = field(default_factory=dict)
    opts_out: Mapping[str, str] = field(default_factory=dict)


@final
@dataclass(frozen=True, kw_only=True)
class Source(Declaration):
    """modality: the name of the modality that the source's inputs have.

    fitted: whether it fits pictures itself. Its callable takes the shape (channels, height, width)
    that data.channels and data.size state. of_user: whether it reads files of the user, who may
    change them. called_by: the option that names the folder, the file or the data set, by which
    reports call the data; None: they are called as the source.
    """

    modality: str
    called_by: str | None = None
    fitted: bool = False
    of_user: bool = False


@final
@dataclass(frozen=True, kw_only=True)
class Modality(Declaration):
    """are_pictures: whether inputs can be mirrored, shrunk and cropped.

    called: what an input is called on the page. made_of: what its values are called. raw: what the
    baseline of the inputs themselves is called. copies: what is said of inputs that are no
    negatives of each other.
    """

    are_pictures: bool
    called: str
    made_of: str
    raw: str
    copies: str


@final
@dataclass(frozen=True, kw_only=True)
class Augmentation(Declaration):
    """modality: the inputs that it augments. needs_colour: it does nothing to one channel."""

    modality: str
    needs_colour: bool = False


@final
@dataclass(frozen=True, kw_only=True)
class Encoder(Declaration):
    """What an encoder whose weights need not start at random declares.

    start: the options that say which weights a training starts from; with null in each, they are
    random. A saved encoder is built without them, since it has weights of its own. start_files:
    the files that these options name. standard: the mean and deviation of inputs that the starting
    weights expect, or None: those of the train split. fitted: its networks have a method fit, which
    gets standardised train inputs (n, ...) before the training. fitted_to: it gets at least so many
    of them, if there are. modality: the inputs that it takes.
    """

    modality: str = "image"
    start: tuple[str, ...] = ()
    start_files: Files | None = None
    standard: Standard | None = None
    fitted: bool = False
    fitted_to: int = 1000


@final
@dataclass(frozen=True, kw_only=True)
class Objective(Declaration):
    """positives: what it can take for alike. negatives: how many an anchor has; None: it has none.

    The number of negatives is that of two views. many_views: it takes more than two views of an
    example, in any order. without: what it takes beyond embeddings and labels, and with which
    values it does without that.
    """

    positives: tuple[Positives, ...]
    negatives: Negatives | None
    many_views: bool = False
    without: Mapping[str, Any] = field(default_factory=dict)


@final
@dataclass(frozen=True, kw_only=True)
class Method(Declaration):
    """objective: it learns by pretrain.objective, and not by a loss of its own.

    negatives: how many an anchor has; None: it has none, or its objective's.
    """

    negatives: Negatives | None
    objective: bool = False


@final
@dataclass(frozen=True, kw_only=True)
class Task(Declaration):
    """What names a task's results have. An entry is a named row of results, such as labels_10.

    entries: the entries under given options. measures: what each entry measures, by name, in words;
    of each, a larger value is better. If the task has an option that is called so, an entry
    measures what the option lists of them. primary: the measure that comparisons use and that
    tables show. needs_labels: whether every split must have labels; the task is left out where one
    lacks them. could_have: whether the task has an entry of a name under some options. lists: the
    options that say only which entries there are, and not how an entry is measured. is_share:
    whether the primary is a share, so that differences are told in percentage points. over_groups:
    whether evaluate.group_folds measures it over divisions by groups too. modality: the only inputs
    that it measures; None: it measures any. check_counts: refuses options that the labels rule out,
    before any work.
    """

    entries: Entries
    measures: Mapping[str, str]
    primary: str
    needs_labels: bool
    could_have: Callable[[str], bool]
    lists: tuple[str, ...]
    is_share: bool = True
    over_groups: bool = False
    modality: str | None = None
    check_counts: CheckCounts | None = None


OF_KIND: Mapping[str, type[Declaration]] = {
    "sources": Source,
    "modalities": Modality,
    "augmentations": Augmentation,
    "encoders": Encoder,
    "objectives": Objective,
    "methods": Method,
    "tasks": Task,
}
