"""Writes the encoder for other programs, as ONNX or as PyTorch's exported program.

Each file is loaded again and compared with the encoder before it is kept.
"""

import dataclasses
import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from twinview.core import files, randomness
from twinview.core.errors import ConfigError, DataError
from twinview.models.embedder import Embedder

# As a share of the largest feature. Other kernels add in another order, so results differ a little.
_TOLERANCE = 1e-4
_BATCH_SIZES = (1, 2, 7)
PREPARATION = "twinview"  # names what a file says of its input: metadata in ONNX, a file in .pt2


def onnx(path: Path, embedder: Embedder) -> float:
    """Writes an ONNX file; returns the largest difference of its features to the encoder's.

    The file maps pictures (n, c, h, w) uint8 to features (n, d) float32, for any n. Raises
    ConfigError when ONNX's packages are not installed, DataError when onnxruntime gives other
    features.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  torch.onnx needs it
    except ImportError as error:
        raise ConfigError.at(
            error.name, "is not installed", "pip install 'twinview[onnx]'"
        ) from None
    network = embedder.network.eval()
    with files.atomic_file(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (_pictures(2, embedder.shape),),
                input_names=["pictures"],
                output_names=["features"],
                dynamic_shapes=_any_batch_size(),
                dynamo=True,
                verbose=False,
            )
            assert program is not None, "dynamo gives a program"
            program.model.metadata_props[PREPARATION] = _preparation(embedder)
            program.save(str(temporary), external_data=False)
        session = onnxruntime.InferenceSession(temporary, providers=["CPUExecutionProvider"])

        def exported(pictures: Tensor) -> Tensor:
            [features] = session.run(None, {"pictures": pictures.numpy()})
            return torch.from_numpy(features)

        return _largest_difference(path, exported, embedder)


def pt2(path: Path, embedder: Embedder) -> float:
    """Writes a .pt2 file for torch.export.load; returns the largest difference, as `onnx` does."""
    example, archive = (_pictures(2, embedder.shape),), io.BytesIO()
    network = embedder.network.eval()
    with files.atomic_file(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns of weights that are not contiguous
            program = torch.export.export(network, example, dynamic_shapes=_any_batch_size())
            extra = {PREPARATION: _preparation(embedder)}
            torch.export.save(program, archive, extra_files=extra)
        temporary.write_bytes(archive.getvalue())
        archive.seek(0)
        return _largest_difference(path, torch.export.load(archive).module(), embedder)


def _preparation(embedder: Embedder) -> str:
    """How files become pictures, as JSON: shape (c, h, w), background and jpeg_margin."""
    reading = dataclasses.asdict(embedder.encoder.description.reading)
    return json.dumps({"shape": embedder.shape} | reading)


def _any_batch_size() -> tuple[dict[int, torch.export.Dim]]:
    return ({0: torch.export.Dim("n", min=1)},)


@torch.inference_mode()
def _largest_difference(
    path: Path, exported: Callable[[Tensor], Tensor], embedder: Embedder
) -> float:
    """The largest difference to the encoder's own features, over batches of several sizes."""
    largest = 0.0
    for n in _BATCH_SIZES:
        pictures = _pictures(n, embedder.shape)
        expected, features = embedder.features(pictures), exported(pictures)
        if features.shape != expected.shape or not features.isfinite().all():
            shapes = f"{tuple(features.shape)}, not {tuple(expected.shape)}"
            raise DataError(f"{path}: the export gives {shapes}")
        largest = max(largest, float((features - expected).abs().max()))
        if largest > _TOLERANCE * float(expected.abs().max()):
            raise DataError(f"{path}: the export's features differ by {largest:.2g}; not written")
    return largest


def _pictures(n: int, shape: tuple[int, ...]) -> Tensor:
    """Noise, since the export must agree on any picture."""
    generator = randomness.generator(n, "export")
    return torch.randint(0, 256, (n, *shape), generator=generator, dtype=torch.uint8)
