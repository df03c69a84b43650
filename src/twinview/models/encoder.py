"""The encoder as it is trained, saved and used: standardisation and network in one module."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from twinview.core import declare, files, randomness, registry
from twinview.core.errors import ConfigError, DataError
from twinview.core.reading import DEFAULT, Reading
from twinview.core.tensor_files import load_weights, save_tensors
from twinview.core.types import Learned, Modality, Statistics
from twinview.data.splits import Prepared

WEIGHTS = "encoder.safetensors"
DESCRIPTION = "encoder.json"


@dataclass(frozen=True)
class Description:
    """What is needed, beside the weights, to build an encoder again and to give it files.

    reading: how the files that it was trained on became pixels.
    """

    architecture: str
    options: Mapping[str, Any]
    modality: str
    shape: tuple[int, ...]
    statistics: Learned
    reading: Reading = DEFAULT

    @classmethod
    def for_data(
        cls, prepared: Prepared, architecture: str, options: Mapping[str, Any]
    ) -> "Description":
        """The description of an encoder for the prepared data.

        Inputs are standardised as the weights expect that it starts from, or by the train split.
        """
        declared, shape = _declared(architecture), prepared.shape
        expected = declared.standard and declared.standard(options, shape[0])
        statistics = Statistics(*expected) if expected else prepared.statistics
        modality, reading = prepared.modality_name, prepared.reading
        return cls(architecture, options, modality, shape, statistics, reading)

    @property
    def has_start(self) -> bool:
        """Whether the options name weights to start from."""
        return any(
            self.options.get(name) is not None for name in _declared(self.architecture).start
        )

    def without_start(self, statistics: Learned) -> "Description":
        """The description of the same network with random weights, for inputs of the statistics."""
        absent = dict.fromkeys(_declared(self.architecture).start)
        return dataclasses.replace(self, options={**self.options, **absent}, statistics=statistics)


def _declared(architecture: str) -> declare.Encoder:
    found = registry.declaration("encoders", architecture)
    assert isinstance(found, declare.Encoder)
    return found


@final
class Encoder(nn.Module):
    """Maps stored inputs, such as uint8 pictures or token numbers, to features (n, dim).

    dim: the number of features. input_shape: what the network was built for. pooled_positions: the
    number of positions of a map that stay apart when it is pooled. Raises ConfigError when the
    network cannot be built from its options.
    """

    def __init__(self, description: Description) -> None:
        super().__init__()
        modality: Modality = registry.bind("modalities", description.modality, {})()
        self.description = description
        self.standardise = modality.standardise(description.statistics)
        try:
            build = registry.bind("encoders", description.architecture, description.options)
            self.input_shape = modality.encoder_shape(description.shape, description.statistics)
            self.network: nn.Module = build(self.input_shape)
        except ValueError as error:
            raise ConfigError(f"encoders.{description.architecture}: {error}") from None
        self.dim, self.pooled_positions = int(self.network.dim), int(self.network.pooled_positions)

    def features(self, inputs: Tensor) -> Tensor:
        """The network's maps, before pooling."""
        maps: Tensor = self.network.features(self.standardise(inputs))  # type: ignore[operator]
        return maps

    def forward(self, inputs: Tensor) -> Tensor:
        """The features (n, dim) float32 of stored inputs (n, ...)."""
        pooled: Tensor = self.network(self.standardise(inputs))
        return pooled


def build(description: Description, seed: int) -> Encoder:
    """An encoder with random weights, which depend on the seed only, or those to start from."""
    with randomness.torch_seeded(seed, "encoder"):
        return Encoder(description)


@torch.no_grad()
def build_for(prepared: Prepared, description: Description, seed: int) -> Encoder:
    """An encoder as it is before its training: built, and fitted to the data where it asks for it.

    A network may compute a part of itself, such as a whitening layer, from train inputs.
    """
    encoder = build(description, seed)
    declared = _declared(description.architecture)
    if declared.fitted:
        inputs = prepared.splits["train"].inputs
        sample = encoder.standardise(inputs[:: max(1, len(inputs) // declared.fitted_to)])
        encoder.network.fit(sample)  # type: ignore[operator]
    return encoder


@torch.no_grad()
def require_map_size(encoder: Encoder, inputs: Tensor) -> None:
    """Raises ConfigError when maps of these inputs have fewer positions than are pooled."""
    training = encoder.training
    maps = encoder.eval().features(inputs)
    encoder.train(training)
    if math.prod(maps.shape[2:]) < encoder.pooled_positions:
        (small, map_size) = (" x ".join(map(str, x.shape[2:])) for x in (inputs, maps))
        raise ConfigError.at(
            "the method's option 'small_crops'",
            f"has crops of {small}, whose maps of {map_size} have fewer positions than the "
            f"encoder's raster of {encoder.pooled_positions}",
            "raise small_crops.side, or lower the raster and strides of encoders."
            f"{encoder.description.architecture}",
        )


def save(folder: Path, encoder: Encoder) -> None:
    """Writes weights and description; equal encoders give equal bytes."""
    weights = {name: t.detach().cpu() for name, t in encoder.state_dict().items()}
    description = dataclasses.asdict(encoder.description)
    with files.atomic_folder(folder) as temporary:
        save_tensors(temporary / WEIGHTS, weights)
        files.save_json(temporary / DESCRIPTION, description | {"dim": encoder.dim})


def load(folder: Path) -> Encoder:
    """The encoder that save wrote, in evaluation mode.

    Raises DataError when weights and description do not belong together.
    """
    encoder = Encoder(_description(folder / DESCRIPTION))
    load_weights(encoder, folder / WEIGHTS, DESCRIPTION)
    return encoder.eval()


def _description(path: Path) -> Description:
    value = files.load_json(path)
    try:
        modality: Modality = registry.bind("modalities", value["modality"], {})()
        statistics = modality.learned(value["statistics"])
        fields: dict[str, Any] = {key: value[key] for key in ("architecture", "modality")}
        fields |= {"options": dict(value["options"]), "shape": tuple(value["shape"])}
        reading = Reading.from_json(value["reading"])
        described = Description(**fields, statistics=statistics, reading=reading)
        return described.without_start(statistics)  # the file has weights of its own
    except (TypeError, ValueError) as error:
        remedy = "`dvc repro --force pretrain` writes it anew"
        raise DataError.at(path, f"does not describe an encoder ({error})", remedy) from None
