"""twinview: contrastive representation learning as a reproducible pipeline."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# MLflow reports its use to its makers unless this is set before it is imported, here or by a user.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Its bars would fill a log with every step of theirs.
if not (sys.stderr and sys.stderr.isatty()):
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

__version__ = "0.1.0"


def load_split(name: str) -> "tuple[Tensor, Tensor | None]":
    """The inputs and the labels of a split that `dvc repro` prepared in this folder.

    Parameters
    ----------
    name: train, validation or test.

    Returns
    -------
    inputs: as they are stored; pictures are uint8 (n, c, h, w).
    labels: int64 (n,), the numbers of the classes; None where the data have no labels.

    Raises
    ------
    ConfigError: there is no split of this name.
    DataError: the split's file is missing or broken.

    Examples
    --------
    >>> pictures, labels = twinview.load_split("test")
    """
    from twinview.core import paths  # PyTorch takes a second, which `import twinview` must not
    from twinview.data import splits  # PyTorch takes a second, which `import twinview` must not

    split = splits.load_split(paths.PREPARED, name)
    return split.inputs, split.labels
