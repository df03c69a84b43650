"""The model that MLflow stores and serves: it maps inputs to features and class probabilities.

MLflow copies the package beside the weights; mlflow_model loads this module from there.
"""

import base64
import binascii
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel
from mlflow.types.schema import Array, ColSpec, DataType, Map, Schema, TensorSpec
from torch import Tensor

from twinview.core.errors import DataError
from twinview.core.reading import DEFAULT, Reading
from twinview.core.types import Vocabulary
from twinview.models.predictor import Predictor
from twinview.models.probe import Probe
from twinview.pictures import files

TAKES_TEXTS = "n texts, as strings"


class ServedModel(PythonModel):
    """A predictor behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Reads weights and descriptions: safetensors and JSON."""
        self.predictor = Predictor.load(Path(context.artifacts["encoder"]).parent)

    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> pd.DataFrame:
        """One row for each input: features, the most likely label, the class probabilities.

        A model that was trained without labels gives features alone.

        Parameters
        ----------
        context : not used.
        model_input : of pictures whole numbers (n, c, h, w) from 0 to 255, or the bytes of n files;
            text is read as base64. Of texts n strings. Of series numbers (n, c, t).
        params : not used.

        Raises
        ------
        MlflowException : the input is anything else.
        """
        with torch.inference_mode():
            features = features_of(model_input, self.predictor)
            columns = {"features": features.tolist()}
            if self.predictor.probe is not None:
                columns |= _predictions(self.predictor.probe, features)
        return pd.DataFrame(columns)


def _predictions(probe: Probe, features: Tensor) -> dict[str, list[Any]]:
    """The columns of the most likely labels and of the class probabilities."""
    probabilities, classes = probe.probabilities(features), probe.classes
    return {
        "label": [classes[k] for k in probabilities.argmax(1).tolist()],
        "probabilities": [dict(zip(classes, row, strict=True)) for row in probabilities.tolist()],
    }


def signature(*, has_probe: bool) -> ModelSignature:
    """The types of inputs and outputs. has_probe: whether there are labels and probabilities.

    MLflow has no type for "an array or files", and passes objects on unchanged. So the input is
    declared as objects, describe_input says the rest in words, and predict checks it.
    """
    inputs = Schema([TensorSpec(np.dtype(object), (-1,))])
    outputs: list[ColSpec | TensorSpec] = [ColSpec(Array(DataType.float), "features")]
    if has_probe:
        outputs.append(ColSpec(DataType.string, "label"))
        outputs.append(ColSpec(Map(DataType.double), "probabilities"))
    return ModelSignature(inputs=inputs, outputs=Schema(outputs))


def features_of(values: Any, predictor: Predictor) -> Tensor:
    """The features of what the model is asked about: pictures, texts or series."""
    description = predictor.encoder.description
    if isinstance(description.statistics, Vocabulary):
        return predictor.features_of_texts(as_texts(values))
    if len(description.shape) == 2:
        return predictor.features(as_series(values, description.shape))
    return predictor.features(as_pictures(values, description.shape, description.reading))


def as_texts(values: Any) -> list[str]:
    """n strings. Raises MlflowException for any other values."""
    array = np.asarray(values)
    texts: list[str] = array.tolist()
    if not array.size or array.ndim != 1 or not all(isinstance(text, str) for text in texts):
        raise InvalidInputs(
            f"texts: they are {array.dtype} of shape {array.shape}. This model takes {TAKES_TEXTS}",
            error_code=INVALID_PARAMETER_VALUE,
        )
    return texts


def as_series(values: Any, shape: tuple[int, ...]) -> Tensor:
    """Series float32 (n, c, t) of numbers. Raises MlflowException for other values.

    shape: the encoder's (c, t). NaN, or null in JSON, is a missing value.
    """
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
            array = np.array(np.asarray(values).tolist(), np.float32)
    except (TypeError, ValueError):
        reason = "they are no numbers, or their rows differ in length"
    else:
        if len(array) and array.shape[1:] == shape and not np.isinf(array).any():
            return torch.from_numpy(array)
        reason = f"their shape is {array.shape}, or they are infinite"
    raise InvalidInputs(
        f"series: {reason}. This model takes {describe_input(shape)}",
        error_code=INVALID_PARAMETER_VALUE,
    )


def describe_input(shape: tuple[int, ...]) -> str:
    """The input of a model for pictures (c, h, w) or for series (c, t), in words."""
    if len(shape) == 2:
        return f"float32 (n, {shape[0]}, {shape[1]}), where NaN (null in JSON) is a missing value"
    channels, height, width = shape
    colour = "grey" if channels == 1 else "RGB"
    return (
        f"uint8 (n, {channels}, {height}, {width}), {colour}, or the bytes of n files (in JSON as "
        f"base64): {files.FORMATS}, which it fits to {width} x {height} pixels"
    )


def as_pictures(values: Any, shape: tuple[int, ...], reading: Reading = DEFAULT) -> Tensor:
    """Pictures uint8 (n, c, h, w), from an array of numbers or from files' bytes.

    shape: the encoder's (c, h, w). reading: how its files became pixels. Raises MlflowException for
    any other values.
    """
    array = np.asarray(values)
    if array.size == 0:
        raise _error("there are none", shape)
    if array.ndim == 1:
        return torch.stack(
            [_from_file(row, value, shape, reading) for row, value in enumerate(array.tolist())]
        )
    if array.dtype == object:
        try:
            array = np.array(array.tolist())
        except ValueError:
            raise _error("their rows differ in length", shape) from None
    if array.dtype.kind not in "ui":
        raise _error(f"they are {array.dtype}, and must be whole numbers", shape)
    if array.shape[1:] != shape:
        raise _error(f"their shape is {array.shape}", shape)
    if array.min() < 0 or array.max() > 255:
        raise _error(f"they hold {array.min()} to {array.max()}, but may hold 0 to 255", shape)
    return torch.from_numpy(array.astype(np.uint8))


def _from_file(row: int, value: Any, shape: tuple[int, ...], reading: Reading) -> Tensor:
    if isinstance(value, str):
        try:
            value = base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            raise _error(f"input {row} is text, but not base64", shape) from None
    if not isinstance(value, bytes):
        raise _error(f"input {row} is {type(value).__name__}, not a file", shape)
    try:
        return files.fit_picture(io.BytesIO(value), shape, reading).pixels
    except DataError as error:
        raise _error(f"input {row} {error}", shape) from None


class InvalidInputs(MlflowException):
    """An error whose message cannot be changed.

    MLflow's server would put all data that were sent, megabytes of base64, before the message.
    """

    message = property(str, lambda self, longer: None)


def _error(reason: str, shape: tuple[int, ...]) -> InvalidInputs:
    message = f"pictures: {reason}. This model takes {describe_input(shape)}"
    return InvalidInputs(message, error_code=INVALID_PARAMETER_VALUE)
