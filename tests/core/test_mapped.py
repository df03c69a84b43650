"""Mapped tensors, whose pages are asked for before they are used."""

import ctypes
import mmap
import os
import time
from pathlib import Path

import torch

from twinview.core.mapped import read_ahead
from twinview.core.tensor_files import load_tensors, save_tensors

ROWS, PAGES = 64, 16


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


def test_the_rows_that_are_asked_for_are_read_and_not_all(tmp_path: Path) -> None:
    save_tensors(tmp_path / "x", {"x": torch.zeros(ROWS, PAGES * mmap.PAGESIZE, dtype=torch.uint8)})
    file = os.open(tmp_path / "x", os.O_RDONLY)
    os.fsync(file)
    mapped = load_tensors(tmp_path / "x")["x"]
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)
    before = sum(resident(mapped))
    read_ahead(mapped, torch.tensor([50, 20]))
    for _ in range(100):
        rows = torch.tensor(resident(mapped)).view(ROWS, PAGES)
        if rows[[20, 50]].all():
            break
        time.sleep(0.1)
    assert rows[[20, 50]].all()
    assert before < ROWS * PAGES / 2 and int(rows.sum()) < ROWS * PAGES / 2


def test_tensors_in_memory_are_left_as_they_are() -> None:
    tensor = torch.arange(10_000)
    read_ahead(tensor, torch.tensor([0, 9_999]))
    assert torch.equal(tensor, torch.arange(10_000))
