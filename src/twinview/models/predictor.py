"""Features and class probabilities, by encoder and probe as they were evaluated.

The commands, the served model and the scikit-learn transformer use this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from torch import Tensor

from twinview.core.errors import DataError
from twinview.core.types import Vocabulary
from twinview.models import probe
from twinview.models.embedder import Embedder
from twinview.models.encoder import Encoder
from twinview.models.probe import NoProbe, Probe


@dataclass(frozen=True)
class Predictor:
    """An encoder and its probe: features and class probabilities, as they were evaluated.

    embedder: the encoder and how it is used. probe: None where the data had no labels.

    Examples
    --------
    >>> predictor = twinview.Predictor.load("models")
    >>> features = predictor.features(pictures)  # uint8 (n, c, h, w) to float32 (n, dim)
    >>> shares = predictor.probe.probabilities(features)  # (n, k), as predictor.probe.classes
    """

    embedder: Embedder
    probe: Probe | None

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> "Predictor":
        """The predictor of the encoder and the probe in a folder, such as a project's models.

        Parameters
        ----------
        folder: has encoder/, embedder/ and probe/.

        Raises
        ------
        DataError: a file is missing or broken, or the probe is of an encoder of another width.
        """
        models = Path(folder)
        embedder, loaded = Embedder.load(models), probe.load(models / "probe")
        if isinstance(loaded, NoProbe):
            return cls(embedder, None)
        width = len(loaded.model.mean)
        if embedder.dim != width:
            raise DataError.at(
                models / "probe",
                f"is the probe of {width} features, and {models / 'encoder'} gives {embedder.dim}",
                "`dvc repro` fits the one to the other",
            )
        return cls(embedder, loaded)

    @property
    def encoder(self) -> Encoder:
        """The embedder's encoder."""
        return self.embedder.encoder

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one picture: (c, h, w)."""
        return self.embedder.shape

    def features(self, pictures: Tensor) -> Tensor:
        """The features (n, dim) float32 of uint8 pictures (n, c, h, w)."""
        return self.embedder.features(pictures)

    def features_of_texts(self, texts: Sequence[str]) -> Tensor:
        """The features (n, dim) float32 of texts. Raises DataError where the encoder takes none."""
        from twinview.texts.tokens import stored  # pictures need no tokenizers

        described = self.encoder.description
        if not isinstance(described.statistics, Vocabulary):
            raise DataError.at("the encoder", "takes pictures and no texts", "give it pictures")
        return self.embedder.features(
            stored(described.statistics.tokenizer, texts, self.encoder.input_shape[0])
        )
