"""The linear probe that is saved for use: the one that the protocol reads test with."""

from collections.abc import Mapping
from typing import Any

from twinview.core import registry
from twinview.core.types import Embeddings
from twinview.evaluation.logistic import LogisticModel, fit
from twinview.evaluation.protocol import Grid, choose_options, concatenate


def final_linear(
    parts: Mapping[str, Embeddings], grid: Grid
) -> tuple[LogisticModel, dict[str, Any]]:
    """The linear probe, fitted on train and validation, and the options that validation chose.

    Where the linear probe was evaluated just before, nothing is fitted again: fits are kept.

    Parameters
    ----------
    parts : the features of labelled rows by split.
    grid : the values of each option to choose from.
    """
    train, validation = parts["train"], parts["validation"]
    chosen, _ = choose_options(train, validation, registry.find("probes", "linear"), grid)
    return fit(concatenate(train, validation), **chosen), chosen
