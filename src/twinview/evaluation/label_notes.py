"""Sentences on labels that are missing: of examples, and of classes in a split."""

from collections.abc import Iterator, Mapping, Sequence

from twinview.core.types import Embeddings, labelled_rows
from twinview.data import splits

_MOST_NAMED = 5


def label_notes(parts: Mapping[str, Embeddings], classes: Sequence[str]) -> list[str]:
    """What a reader has to know of missing labels; empty if there is nothing to say.

    It is empty too if a split has no labels: the tasks that need them are left out then.
    """
    if splits.unlabelled(parts):
        return []
    known = {name: set(part.labelled().required_labels().tolist()) for name, part in parts.items()}
    fitted = known["train"] | known["validation"]
    untested = [name for label, name in enumerate(classes) if label not in known["test"]]
    unknown = [name for label, name in enumerate(classes) if label not in fitted]
    return [
        *_of_rows(parts),
        *_of_classes(untested, "test", "so precision, recall and F1 count as 0"),
        *_of_classes(unknown, "train and validation", "so no probe can predict it"),
    ]


def _of_rows(parts: Mapping[str, Embeddings]) -> Iterator[str]:
    counts = {name: (len(labelled_rows(part.labels)), len(part)) for name, part in parts.items()}
    partly = [f"{some:,} of {all_:,} in {name}" for name, (some, all_) in counts.items()]
    if any(some < all_ for some, all_ in counts.values()):
        yield f"only some examples have a label ({', '.join(partly)}), and measures count these"


def _of_classes(named: Sequence[str], where: str, consequence: str) -> Iterator[str]:
    for name in named[:_MOST_NAMED]:
        yield f"the class {name!r} has no labelled example in {where}, {consequence}"
    if len(named) > _MOST_NAMED:
        more = len(named) - _MOST_NAMED
        yield f"{more:,} more {'class has' if more == 1 else 'classes have'} none in {where}"
