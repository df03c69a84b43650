"""params.yaml stands in the style of DVC, so that -S changes what it is told to."""

from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides  # type: ignore[import-untyped]

from tests.support.workspace import ROOT

CHANGES = {
    "pretrain.batch_size": ("  batch_size: ", "123"),
    "pretrain.micro_batch": ("  micro_batch:", "64"),
    "methods.moco.queue": ("    queue: ", "4096"),
    "methods.margin.classes": ("  margin: ", "10"),
    "probes.knn.temperature": ("  knn: ", "[0.1,0.2]"),
    "gate.model": ("  model: ", "other"),
}


@pytest.mark.parametrize("setting", CHANGES)
def test_dvc_s_own_writer_changes_one_line(setting: str, tmp_path: Path) -> None:
    before, (line, value) = (ROOT / "params.yaml").read_text(), CHANGES[setting]
    path = tmp_path / "params.yaml"
    path.write_text(before)
    apply_overrides(path, [f"{setting}={value}"])
    pairs = zip(before.splitlines(), path.read_text().splitlines(), strict=True)
    changed = [old for old, new in pairs if old != new]
    assert len(changed) == 1 and changed[0].startswith(line)
