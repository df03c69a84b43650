"""The encoder as a scikit-learn transformer, for scikit-learn's pipelines and searches."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from twinview.models import encoder
from twinview.models.embedder import Embedder
from twinview.pictures.files import read_picture


class EncoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Maps pictures (n, c, h, w), or flattened (n, c * h * w), to features (n, d) float32.

    Parameters
    ----------
    folder : a project's models, whose features are those of `twinview embed`: mirrored and reduced
        as embed.mirror and embed.components say. Or an encoder alone: a project's models/encoder,
        or the folder encoder that twinview.train wrote.
    mirror : whether the features of an encoder alone are averaged over a picture and its mirror
        image; None for a project's models, where embed.mirror says it.
    white : the value of white: 255 for bytes, 1 for floats.
    shape : (c, h, w) of flattened pictures, where one number may be -1 to be computed; None is
        the shape of the encoder's training.
    batch_size : the number of pictures that are embedded at once.

    Raises
    ------
    ValueError : the pictures are not as above, or have another shape than in `fit`; or mirror is
        missing for an encoder alone, or given for a project's models.
    DataError : the folder has no encoder.

    Examples
    --------
    >>> steps = twinview.EncoderTransformer("models"), LogisticRegression()
    >>> model = make_pipeline(*steps).fit(pictures, labels)
    """

    def __init__(
        self,
        folder: str = "models",
        *,
        mirror: bool | None = None,
        white: float = 255,
        shape: tuple[int, int, int] | None = None,
        batch_size: int = 256,
    ) -> None:
        self.folder = folder
        self.mirror = mirror
        self.white = white
        self.shape = shape
        self.batch_size = batch_size

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Loads the encoder and checks the pictures. Nothing is learnt from them."""
        self.embedder_ = self._load()
        self._pictures(self._checked(X, reset=True))
        self._n_features_out = self.embedder_.dim
        return self

    def read(self, files: Iterable[str | os.PathLike[str]]) -> np.ndarray:
        """The pictures uint8 (n, c, h, w) of files, read and fitted as `twinview embed` does it.

        Raises DataError for a file that cannot be read. For white=255 alone.
        """
        description = self._load().encoder.description
        return np.stack(
            [
                read_picture(Path(file), description.shape, description.reading).pixels.numpy()
                for file in files
            ]
        )

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """The features (n, d). Raises ValueError for pictures of another shape than in `fit`."""
        check_is_fitted(self)
        rows = self._checked(X, reset=False)
        batches = self._pictures(rows).split(self.batch_size)
        return self.embedder_.features_of_batches(batches).numpy()

    def _load(self) -> Embedder:
        folder = Path(self.folder)
        is_project = (folder / "encoder").is_dir()
        if is_project != (self.mirror is None):
            remedy = "leave it out" if is_project else "give True or False"
            kind = "has encoder/ and embedder/" if is_project else "is an encoder alone"
            raise ValueError(f"mirror is {self.mirror}, and {folder} {kind}; {remedy}")
        if is_project:
            return Embedder.load(folder)
        return Embedder(encoder.load(folder), bool(self.mirror))

    def _checked(self, X: Any, reset: bool) -> np.ndarray:  # noqa: N803
        """The pictures as flat rows of finite numbers from 0 to white."""
        if getattr(X, "ndim", 2) == 4:
            if tuple(X.shape[1:]) != self._shape() and -1 not in self._shape():
                raise ValueError(f"pictures are {tuple(X.shape[1:])}, not {self._shape()}")
            X = np.asarray(X).reshape(len(X), -1)  # noqa: N806
        rows: np.ndarray = validate_data(self, X, reset=reset, dtype="numeric")
        if rows.min() < 0 or rows.max() > self.white:
            raise ValueError(
                f"pictures hold {rows.min():g} to {rows.max():g}, but white={self.white:g} allows "
                f"0 to {self.white:g}. Negative values in data passed to {type(self).__name__} "
                "are not allowed"
            )
        if rows.dtype.kind == "f" and self.white == 255 and 0 < rows.max() <= 1:
            raise ValueError("pictures hold floats of at most 1; pass white=1, or bytes")
        return rows

    def _pictures(self, rows: np.ndarray) -> torch.Tensor:
        """The pictures (n, c, h, w) float32 from 0 to 255."""
        try:
            pictures = rows.reshape(len(rows), *self._shape())
        except ValueError:
            message = f"rows of {rows.shape[1]} values do not fit pictures of {self._shape()}"
            raise ValueError(message) from None
        return torch.from_numpy(np.multiply(pictures, 255 / self.white, dtype=np.float32))

    def _shape(self) -> tuple[int, ...]:
        return self.shape or tuple(self.embedder_.shape)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.requires_fit = True
        return tags
