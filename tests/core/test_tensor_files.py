"""Tensors that are written in blocks and mapped when loaded."""

import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.support.memory import grown_mb
from twinview.core.tensor_files import Blocks, load_tensors, save_tensors, write_tensors

TENSORS = {
    "inputs": torch.randint(0, 256, (7, 3, 4, 5), dtype=torch.uint8),
    "labels": torch.arange(7),
    "ids": torch.arange(7) * 3,
    "features": torch.randn(7, 3),
    "alike": torch.arange(7) > 3,
    "half": torch.randn(7, 2).bfloat16(),
    "double": torch.randn(3, 3).double().T,
    "empty": torch.empty(0, 4),
    "größe": torch.ones(2, dtype=torch.int32),
}


def blocks(tensor: Tensor, rows: int) -> Blocks:
    return Blocks(tuple(tensor.shape), tensor.dtype, iter(tensor.split(rows)))


@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize("metadata", [{}, {"kind": "splits \n"}])
def test_blocks_give_the_bytes_of_whole_tensors(
    tmp_path: Path, rows: int, metadata: dict[str, str]
) -> None:
    save_tensors(tmp_path / "whole", TENSORS, **metadata)
    parts = {name: blocks(tensor, rows) for name, tensor in TENSORS.items()}
    write_tensors(tmp_path / "blocks", parts, **metadata)
    assert (tmp_path / "blocks").read_bytes() == (tmp_path / "whole").read_bytes()


def test_blocks_that_do_not_fill_the_shape_leave_no_file(tmp_path: Path) -> None:
    short = Blocks((8, 3), torch.float32, [torch.zeros(7, 3)])
    with pytest.raises(AssertionError, match="other rows than its shape"):
        write_tensors(tmp_path / "x", {"features": short})
    assert list(tmp_path.iterdir()) == []


def test_loaded_tensors_are_mapped_and_writing_to_them_leaves_the_file(tmp_path: Path) -> None:
    rows = 64
    parts = (torch.full((1, 2**20), row, dtype=torch.uint8) for row in range(rows))
    write_tensors(tmp_path / "x", {"x": Blocks((rows, 2**20), torch.uint8, parts)})
    digest = hashlib.sha256((tmp_path / "x").read_bytes())
    before = """
    import torch
    from pathlib import Path
    from twinview.core.tensor_files import load_tensors
    """
    code = f"""
    loaded = load_tensors(Path({str(tmp_path / "x")!r}))["x"]
    assert loaded[:, 17].tolist() == list(range({rows}))
    assert int(loaded.sum(dtype=torch.int64)) == 2**20 * sum(range({rows}))
    """
    assert grown_mb(before, code) < 48  # the file has 64 MB
    loaded = load_tensors(tmp_path / "x")["x"]
    loaded[3, :] = 255
    assert hashlib.sha256((tmp_path / "x").read_bytes()).digest() == digest.digest()
