"""twinview: contrastive representation learning as a reproducible pipeline.

The public interface is train, load_encoder, load_split, Predictor and EncoderTransformer. Each is
loaded when it is first used, so that `import twinview` neither loads PyTorch nor changes any state.
"""

import importlib
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from twinview.learning.train import train as train
    from twinview.models.encoder import Encoder
    from twinview.models.predictor import Predictor as Predictor
    from twinview.serving.scikit_learn import EncoderTransformer as EncoderTransformer

__version__ = "0.1.0"
__all__ = ["EncoderTransformer", "Predictor", "load_encoder", "load_split", "train"]

_MODULES = {
    "EncoderTransformer": "twinview.serving.scikit_learn",
    "Predictor": "twinview.models.predictor",
    "train": "twinview.learning.train",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_encoder(folder: str | PathLike[str]) -> "Encoder":
    """The encoder in a folder, ready to embed.

    Parameters
    ----------
    folder: models/encoder of a project, or the folder `encoder` that twinview.train wrote.

    Returns
    -------
    encoder: a torch.nn.Module in evaluation mode, on the CPU. It maps inputs as they are stored,
        pictures uint8 (n, c, h, w), to features float32 (n, encoder.dim).

    Raises
    ------
    DataError: a file is missing or broken, or the weights do not fit the description.

    Examples
    --------
    >>> encoder = twinview.load_encoder("models/encoder")
    """
    from twinview.models import encoder  # here, since loading PyTorch takes a second

    return encoder.load(Path(folder))


def load_split(name: str) -> "tuple[Tensor, Tensor | None]":
    """The inputs and the labels of a split that `dvc repro` prepared in this folder.

    Parameters
    ----------
    name: train, validation or test.

    Returns
    -------
    inputs: as they are stored; pictures are uint8 (n, c, h, w).
    labels: int64 (n,), the numbers of the classes, -1 for an example without a label; None where
        the data have no labels.

    Raises
    ------
    ConfigError: there is no split of this name.
    DataError: the split's file is missing or broken.

    Examples
    --------
    >>> pictures, labels = twinview.load_split("test")
    """
    from twinview.core import paths  # here, since loading PyTorch takes a second
    from twinview.data import splits

    split = splits.load_split(paths.PREPARED, name)
    return split.inputs, split.labels
