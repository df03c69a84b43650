"""The model that MLflow keeps and serves: pictures in, features and class probabilities out.

MLflow copies the package around this file beside the weights; mlflow_model loads it from there.
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
from twinview.models.predictor import Predictor
from twinview.pictures import files


class ServedModel(PythonModel):
    """A predictor behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Reads weights and descriptions: safetensors and JSON."""
        self.predictor = Predictor.load(Path(context.artifacts["encoder"]).parent)

    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> pd.DataFrame:
        """A row a picture: features, the likeliest label, the probability of each class.

        model_input: whole numbers (n, c, h, w) from 0 to 255, or n files' bytes, in base64 where
        they come as text. Raises MlflowException for anything else.
        """
        with torch.inference_mode():
            pictures = as_pictures(model_input, self.predictor.shape)
            features = self.predictor.features(pictures)
            probabilities = self.predictor.probe.probabilities(features)
        classes = self.predictor.probe.classes
        return pd.DataFrame(
            {
                "features": features.tolist(),
                "label": [classes[k] for k in probabilities.argmax(1).tolist()],
                "probabilities": [
                    dict(zip(classes, row, strict=True)) for row in probabilities.tolist()
                ],
            }
        )


def signature() -> ModelSignature:
    """What goes in, and what comes out.

    MLflow has no type for "an array or files", and hands what it is told to be objects on as it
    is: `takes` says the rest in words, and predict checks it.
    """
    inputs = Schema([TensorSpec(np.dtype(object), (-1,))])
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(Array(DataType.float), "features"),
        ColSpec(DataType.string, "label"),
        ColSpec(Map(DataType.double), "probabilities"),
    ]
    return ModelSignature(inputs=inputs, outputs=Schema(outputs))


def describe_input(shape: tuple[int, ...]) -> str:
    """The input of a model for pictures of this shape, in words."""
    channels, height, width = shape
    colour = "grey" if channels == 1 else "RGB"
    return (
        f"uint8 (n, {channels}, {height}, {width}), {colour}, or the bytes of n files (in JSON as "
        f"base64): {files.FORMATS}, which it fits to {width} x {height} pixels"
    )


def as_pictures(values: Any, shape: tuple[int, ...]) -> Tensor:
    """uint8 (n, c, h, w) of an array of numbers or of files. Raises MlflowException otherwise."""
    array = np.asarray(values)
    if array.size == 0:
        raise _refused("there are none", shape)
    if array.ndim == 1:
        return torch.stack([_from_file(n, value, shape) for n, value in enumerate(array.tolist())])
    if array.dtype == object:
        try:
            array = np.array(array.tolist())
        except ValueError:
            raise _refused("their rows differ in length", shape) from None
    if array.dtype.kind not in "ui":
        raise _refused(f"they are {array.dtype}, and must be whole numbers", shape)
    if array.shape[1:] != shape:
        raise _refused(f"their shape is {array.shape}", shape)
    if array.min() < 0 or array.max() > 255:
        raise _refused(f"they hold {array.min()} to {array.max()}, and may 0 to 255", shape)
    return torch.from_numpy(array.astype(np.uint8))


def _from_file(place: int, value: Any, shape: tuple[int, ...]) -> Tensor:
    if isinstance(value, str):
        try:
            value = base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            raise _refused(f"that at place {place} is text, and no base64", shape) from None
    if not isinstance(value, bytes):
        raise _refused(f"that at place {place} is {type(value).__name__}, and no file", shape)
    try:
        return files.fit_picture(io.BytesIO(value), shape).pixels
    except DataError as error:
        raise _refused(f"that at place {place} {error}", shape) from None


class InvalidPictures(MlflowException):
    """A refusal whose message stays as it is.

    MLflow's server puts all data that were sent, megabytes of base64, in front of any other's.
    """

    message = property(str, lambda self, longer: None)


def _refused(reason: str, shape: tuple[int, ...]) -> InvalidPictures:
    said = f"pictures: {reason}. This model takes {describe_input(shape)}"
    return InvalidPictures(said, error_code=INVALID_PARAMETER_VALUE)
