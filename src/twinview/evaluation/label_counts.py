"""The entries of tasks that learn from a number of labels of each class: one for each number.

Their declarations use it, so it loads no PyTorch.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from twinview.core.counts import counted

MEASURES = {"accuracy": "accuracy", "f1": "F1"}


def entries(prefix: str, words: str, options: Mapping[str, Any]) -> dict[str, str]:
    """The words of each entry by its name, such as labels_10. words: they come after the number."""
    return {f"{prefix}_{count}": f"{count} {words}" for count in options["per_class"]}


def check(
    options: Mapping[str, Any], counts: Mapping[str, Mapping[str, int]], *, task: str
) -> Iterator[str]:
    """A fault if the task asks for more labels than a class has in train.

    options: of the task. counts: the labelled examples by class of each split.
    """
    name, fewest = min(counts["train"].items(), key=lambda item: item[1])
    if (most := max(options["per_class"])) > fewest:
        yield (
            f"tasks.{task}.per_class: asks for {counted(most, 'label')} a class, but the class "
            f"{name!r} has {fewest} in train; lower it to {fewest} or less, or take "
            f"{task} out of evaluate.tasks"
        )


def is_entry(prefix: str, name: str) -> bool:
    """Whether a name is that of an entry for some number of labels."""
    return name.startswith(f"{prefix}_") and name.removeprefix(f"{prefix}_").isdecimal()
