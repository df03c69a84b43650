"""Settings for more examples than a folder can give are refused before its files are decoded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import prepare
from tests.support.picture_folder import write_pictures
from twinview.data.labels import Labels
from twinview.preparation.division import most_train_examples
from twinview.settings import params

SHARES = {"data.train": 0.81, "data.validation": 0.1, "data.test": 0.09}


def test_all_such_settings_are_told_before_a_file_is_decoded(
    folder: Path,
    write_params: Callable[[dict[str, Any]], Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_pictures(folder / "mine")
    (folder / ".dvc").mkdir()
    own = {"data.source": "folder", "sources.folder.path": "mine", "pretrain.batch_size": 128}
    write_params(SHARES | own)
    monkeypatch.setattr(prepare, "prepare_files", lambda *given, **options: pytest.fail("decoded"))
    with pytest.raises(SystemExit) as caught:
        prepare.main()
    assert caught.value.code == 1
    said = capfd.readouterr().err
    assert "pretrain.batch_size: is 128, more than the 49 examples of train" in said
    assert "baselines.pca_components: is 64, more than the 49 examples of train" in said


def test_train_has_at_most_its_share_where_nothing_binds_examples_together(
    write_params: Callable[[dict[str, Any]], Path],
) -> None:
    def most(labels: Labels, **changes: Any) -> int:
        data = {f"data.{name}": value for name, value in changes.items()}
        return most_train_examples(60, labels, params.load(write_params(SHARES | data)).data)

    bound = ("a",) * 60
    assert most(Labels(labels=bound)) == 49
    assert most(Labels(groups=bound)) == most(Labels(splits=bound)) == 60
    assert most(Labels(), near_pairs="one_split") == 60
    assert most(Labels(), train=300, validation=50, test=50) == 300
