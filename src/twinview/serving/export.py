"""The encoder for other programs: ONNX, or PyTorch's exported program. Checked before it counts."""

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from twinview.core import files, randomness
from twinview.core.errors import ConfigError, DataError
from twinview.models.predictor import Embedder

# Of the largest feature: other kernels sum in another order.
_TOLERANCE = 1e-4
_BATCHES = (1, 2, 7)


def onnx(path: Path, embedder: Embedder) -> float:
    """Writes pictures (n, c, h, w) uint8 to features (n, d) float32, any n; the largest difference.

    Raises ConfigError without ONNX's packages, DataError when onnxruntime answers otherwise.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  torch.onnx works by it
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed; pip install 'twinview[onnx]'") from None
    asked = embedder.network.eval()
    with files.atomic_file(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                asked,
                (_pictures(2, embedder.shape),),
                str(temporary),
                input_names=["pictures"],
                output_names=["features"],
                dynamic_shapes=_any_number(),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        session = onnxruntime.InferenceSession(temporary, providers=["CPUExecutionProvider"])

        def answer(pictures: Tensor) -> Tensor:
            [features] = session.run(None, {"pictures": pictures.numpy()})
            return torch.from_numpy(features)

        return _difference(path, answer, embedder)


def pt2(path: Path, embedder: Embedder) -> float:
    """The same as a .pt2 file, for torch.export.load; the largest difference."""
    example, archive = (_pictures(2, embedder.shape),), io.BytesIO()
    asked = embedder.network.eval()
    with files.atomic_file(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of weights that are not stored row by row
            program = torch.export.export(asked, example, dynamic_shapes=_any_number())
            torch.export.save(program, archive)
        temporary.write_bytes(archive.getvalue())
        archive.seek(0)
        return _difference(path, torch.export.load(archive).module(), embedder)


def _any_number() -> tuple[dict[int, torch.export.Dim]]:
    return ({0: torch.export.Dim("n", min=1)},)


@torch.inference_mode()
def _difference(path: Path, answer: Callable[[Tensor], Tensor], embedder: Embedder) -> float:
    """The largest difference to the encoder's own features, over batches of several sizes."""
    largest = 0.0
    for n in _BATCHES:
        pictures = _pictures(n, embedder.shape)
        own, said = embedder.features(pictures), answer(pictures)
        if said.shape != own.shape or not said.isfinite().all():
            raise DataError(f"{path}: the export gives {tuple(said.shape)}, not {tuple(own.shape)}")
        largest = max(largest, float((said - own).abs().max()))
        if largest > _TOLERANCE * float(own.abs().max()):
            raise DataError(f"{path}: the export's features differ by {largest:.2g}; not written")
    return largest


def _pictures(n: int, shape: tuple[int, ...]) -> Tensor:
    """Noise: any picture has to be answered alike."""
    random = randomness.generator(n, "export")
    return torch.randint(0, 256, (n, *shape), generator=random, dtype=torch.uint8)
