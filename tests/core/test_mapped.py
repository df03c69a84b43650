"""Mapped tensors, whose pages are asked for before they are used."""

import ctypes
import mmap
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.support.file_limit import room_for
from tests.support.memory import grown_mb
from twinview.core import mapped
from twinview.core.errors import BusyError
from twinview.core.files import atomic_file
from twinview.core.mapped import read_ahead
from twinview.core.tensor_files import load_tensors, save_tensors

ROWS, PAGES = 64, 16


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder as current one, in which 100 bytes count as large."""
    monkeypatch.setattr(mapped, "_LARGE", 100)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("sizes", [[1], [3, 0, 2], [40], [1] * 30, [13, 0], [0, 7, 50, 1], [0]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.bfloat16])
def test_joined_blocks_are_their_concatenation(
    small: Path, sizes: list[int], dtype: torch.dtype
) -> None:
    blocks = [torch.randn(size, 2, 3).mul(9).to(dtype) for size in sizes]
    joined = mapped.join(iter(blocks))
    assert joined.dtype == dtype and torch.equal(joined, torch.cat(blocks))
    assert list((small / ".dvc/tmp").iterdir()) == []


def test_a_full_disk_names_the_folder_of_the_temporary_file_and_not_another_file(
    small: Path,
) -> None:
    said = r"\.dvc/tmp could not hold a temporary file \(File too large\); make room"
    with pytest.raises(BusyError, match=said), atomic_file(small / "other"), room_for(5000):
        mapped.join(torch.zeros(100) for _ in range(99))


def test_a_killed_process_leaves_no_file(small: Path) -> None:
    def blocks() -> Iterator[torch.Tensor]:
        for _ in range(9):
            yield torch.zeros(100)
            assert list((small / ".dvc/tmp").iterdir()) == []  # while the file is written

    assert len(mapped.join(blocks())) == 900


def test_a_large_result_is_not_in_memory() -> None:
    before = """
    import torch
    from twinview.core import mapped
    mapped._LARGE = 2**22
    """
    code = """
    joined = mapped.join(torch.full((1, 2**20), row, dtype=torch.uint8) for row in range(96))
    assert joined[:, 5].tolist() == list(range(96))
    assert int(joined.sum(dtype=torch.int64)) == 2**20 * sum(range(96))
    """
    assert grown_mb(before, code) < 64  # the result has 96 MB


def test_small_results_touch_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", None)
    assert mapped.join([torch.arange(3), torch.arange(2)]).tolist() == [0, 1, 2, 0, 1]


def test_blocks_are_not_large_and_make_up_the_tensor(small: Path) -> None:
    for rows in (0, 1, 7, 8, 9, 100):
        tensor = torch.randn(rows, 3)
        blocks = list(mapped.blocks(tensor))
        assert torch.equal(torch.cat(blocks), tensor)
        assert all(block.numel() * 4 <= 100 for block in blocks)
    assert len(list(mapped.blocks(torch.randn(8, 3)))) == 1


def resident(tensor: torch.Tensor) -> list[bool]:
    """Whether each page of a mapped tensor is in memory; its first page may begin before it."""
    start = tensor.data_ptr() - tensor.data_ptr() % mmap.PAGESIZE
    flags = (ctypes.c_ubyte * (ROWS * PAGES))()
    libc = ctypes.CDLL(None)
    assert (
        libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(len(flags) * mmap.PAGESIZE), flags)
        == 0
    )
    return [bool(flag & 1) for flag in flags]


def test_the_rows_that_are_asked_for_are_read_and_not_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "_LARGE", 2**20)
    save_tensors(tmp_path / "x", {"x": torch.zeros(ROWS, PAGES * mmap.PAGESIZE, dtype=torch.uint8)})
    file = os.open(tmp_path / "x", os.O_RDONLY)
    os.fsync(file)
    loaded = load_tensors(tmp_path / "x")["x"]
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)
    before = sum(resident(loaded))
    read_ahead(loaded, torch.tensor([50, 20]))
    for _ in range(100):
        rows = torch.tensor(resident(loaded)).view(ROWS, PAGES)
        if rows[[20, 50]].all():
            break
        time.sleep(0.1)
    assert rows[[20, 50]].all()
    assert before < ROWS * PAGES / 2 and int(rows.sum()) < ROWS * PAGES / 2


def test_tensors_in_memory_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "_LARGE", 1)
    tensor = torch.arange(10_000)
    read_ahead(tensor, torch.tensor([0, 9_999]))
    assert torch.equal(tensor, torch.arange(10_000))
