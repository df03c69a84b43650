"""Exports that answer as the encoder does, for any batch, or are not kept."""

from pathlib import Path

import pytest
import torch

from tests.support.used import pictures, save_models
from twinview.cli import main
from twinview.core.errors import DataError
from twinview.serving import export

# What torch.onnx and torch.export stand on uses much that will go; that is theirs to mend.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in ("DeprecationWarning", "FutureWarning")
]
SHAPE = (3, 12, 10)


@pytest.mark.parametrize("mirror", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_onnx_answers_any_batch_as_the_encoder_does(mirror: bool, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    own, path = save_models(tmp_path / "models", shape=SHAPE, mirror=mirror), tmp_path / "a.onnx"
    largest = export.onnx(path, own.embedder)
    assert 0 <= largest < 1e-4
    session = onnxruntime.InferenceSession(path)
    for n in (1, 5, 300):
        [said] = session.run(None, {"pictures": pictures(n, SHAPE).numpy()})
        assert torch.allclose(torch.from_numpy(said), own.features(pictures(n, SHAPE)), atol=1e-4)
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["a.onnx"]


def test_pt2_answers_any_batch_as_the_encoder_does(tmp_path: Path) -> None:
    own, path = save_models(tmp_path / "models", shape=SHAPE), tmp_path / "a.pt2"
    assert 0 <= export.pt2(path, own.embedder) < 1e-4
    program = torch.export.load(path).module()
    for n in (1, 5, 300):
        said = program(pictures(n, SHAPE))
        assert torch.allclose(said, own.features(pictures(n, SHAPE)), atol=1e-4)


@pytest.mark.parametrize("kind", [pytest.param("onnx", marks=pytest.mark.slow), "pt2"])
def test_an_export_that_answers_otherwise_is_not_kept(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = (save_models(tmp_path / name, seed=k).embedder for k, name in enumerate("ab"))
    path = tmp_path / "wrong"
    monkeypatch.setattr(type(own), "features", lambda self, x: other.features_of_batches([x]))
    with pytest.raises(DataError, match=r"wrong: the export's features differ by .*; not written"):
        getattr(export, kind)(path, own)
    assert not [p for p in tmp_path.iterdir() if p.is_file()]


def test_the_command_says_the_largest_difference(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_models(Path("models"))
    assert main(["export", "--pt2", "a.pt2"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("twinview: a.pt2 is written; its features differ from the encoder's by")
    assert Path("a.pt2").is_file()


def test_nothing_to_export_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--models", "some"]) == 1
    assert "name a file by --onnx, --pt2 or both" in capsys.readouterr().err


def test_missing_packages_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_models(Path("models"))
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    assert main(["export", "--onnx", "a.onnx"]) == 1
    assert "pip install 'twinview[onnx]'" in capsys.readouterr().err
