"""What `import twinview` gives, and what it costs."""

import sys
from pathlib import Path

import pytest

import twinview
from tests.support.commands import output
from twinview.core import paths
from twinview.core.errors import ConfigError
from twinview.data import splits
from twinview.data.splits import Prepared


def test_importing_twinview_loads_no_torch() -> None:
    code = "import sys, twinview; sys.exit('torch' in sys.modules)"
    output(sys.executable, "-c", code)


def test_load_split_gives_the_inputs_and_labels_of_the_split(
    folder: Path, shapes: Prepared
) -> None:
    splits.save(paths.PREPARED, shapes)
    for name, split in shapes.splits.items():
        pictures, labels = twinview.load_split(name)
        assert labels is not None and split.labels is not None
        assert pictures.equal(split.inputs) and labels.equal(split.labels)


def test_load_split_refuses_a_name_that_is_no_split(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no split 'tests'; .* train, validation, test"):
        twinview.load_split("tests")
