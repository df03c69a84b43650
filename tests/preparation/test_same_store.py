"""Pictures give the same files of splits, whether they come from memory or from PNG files."""

from pathlib import Path

import pytest
from PIL import Image

from tests.support.plugins import PARAMS
from tests.support.shapes import shapes_source
from twinview.data import split_writer
from twinview.data.label_tables import Columns
from twinview.data.labels import SPLIT_NAMES
from twinview.preparation.files import prepare_files
from twinview.preparation.memory import prepare_source
from twinview.settings.sections import Data
from twinview.sources.folder import folder


@pytest.mark.parametrize("stratified", [True, False])
def test_numbered_files_in_folders_are_the_source_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stratified: bool
) -> None:
    source = shapes_source(90, 30, seed=0)
    assert source.test is not None
    monkeypatch.chdir(tmp_path)
    for split, part in (("train", source.fit), ("test", source.test)):
        assert part.labels is not None
        for pixels, label, row_id in zip(part.inputs, part.labels, part.ids, strict=True):
            place = tmp_path / "mine" / split / str(int(label))
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[0].numpy()).save(place / f"{int(row_id):05}.png")
    side = source.fit.inputs.shape[-1]
    sizes = {"train": 60, "validation": 20, "test": 20}
    options = Data.model_validate(PARAMS["data"] | {"background": (0, 0, 0), "size": side} | sizes)
    files = folder(
        path="mine",
        labels="folders",
        layout="split/label",
        table=None,
        columns=Columns(path="path", label="label", group=None, split=None),
        split_names=SPLIT_NAMES,
        ids="numbers",
    )
    for name in ("memory", "files"):
        (tmp_path / name).mkdir()
    in_memory = prepare_source(source, options, tmp_path / "memory", stratified=stratified)
    from_files = prepare_files(
        files,
        options,
        tmp_path / "files",
        stratified=stratified,
        progress=lambda items, total, what: iter(items),
    )
    for name, divided in (("memory", in_memory), ("files", from_files)):
        split_writer.save_labels(tmp_path / name, divided.prepared)
    written = sorted((tmp_path / "memory").rglob("*.safetensors"))
    assert len(written) == 6
    for path in written:
        other = tmp_path / "files" / path.relative_to(tmp_path / "memory")
        assert path.read_bytes() == other.read_bytes()
    assert in_memory.prepared.statistics == from_files.prepared.statistics
