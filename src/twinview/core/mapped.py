"""Tensors that lie in files, so that memory does not bound them.

Their pages are read when they are used. core/tensor_files.py maps the files of stages; this module
joins large results in files, and reads rows ahead.
"""

import contextlib
import ctypes
import mmap
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from twinview.core import paths
from twinview.core.errors import BusyError

_LARGE = 2**28  # bytes; no tensor of Fashion-MNIST is as large

_libc = ctypes.CDLL(None)


def join(blocks: Iterable[Tensor]) -> Tensor:
    """The values of torch.cat(list(blocks)); a large result lies in a nameless temporary file.

    Then only a small part of it is in memory at a time, and the file goes with the tensor. Raises
    BusyError, which names the file's folder, when its disk is full.
    """
    waiting, size, rows = list[Tensor](), 0, 0
    with contextlib.ExitStack() as stack:
        file = None
        for block in blocks:
            waiting.append(block)
            rows, size = rows + len(block), size + block.numel() * block.element_size()
            if size >= _LARGE:
                file = file or stack.enter_context(_temporary_file())
                _append(file, waiting[:-1])
                waiting, size = waiting[-1:], 0
        if file is None:
            return torch.cat(waiting)
        _append(file, waiting)
        return _mapped(file, waiting[-1], rows)


@contextlib.contextmanager
def _temporary_file() -> Iterator[IO[bytes]]:
    # The file has no name, so that it goes with the process too.
    file = tempfile.TemporaryFile(dir=_folder())  # noqa: SIM115
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):  # what a full disk did not take is written once more
            file.close()


def _folder() -> Path:
    """The folder of temporary files; /tmp may be memory itself."""
    return paths.SCRATCH if paths.SCRATCH.is_dir() else Path(tempfile.gettempdir())


def _append(file: IO[bytes], tensors: list[Tensor]) -> None:
    try:
        for tensor in tensors:
            file.write(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        file.flush()
    except OSError as error:  # the caller may be writing another file, which must not be named
        raise BusyError.at(
            _folder().absolute(),
            f"could not hold a temporary file ({error.strerror})",
            "make room (`twinview clean` says what can go) or raise the limit (`ulimit -f`), and "
            "run this again",
        ) from None


def _mapped(file: IO[bytes], like: Tensor, rows: int) -> Tensor:
    """The rows that the file holds, of the type and shape of those in `like`."""
    mapped = torch.from_numpy(np.memmap(file, np.uint8, "c"))
    return mapped.view(like.dtype).view(rows, *like.shape[1:])


def blocks(tensor: Tensor) -> Iterator[Tensor]:
    """The tensor in blocks of rows that are not large; a tensor that is not large is one block."""
    row = max(1, tensor[:1].numel() * tensor.element_size())
    yield from tensor.split(max(1, _LARGE // row))


def read_ahead(tensor: Tensor, rows: Tensor) -> None:
    """Asks the system to read rows from the disk, so that using them later does not wait.

    It returns at once. Small tensors are left alone: they stay in memory once they were used.

    Parameters
    ----------
    tensor : (n, ...), contiguous, on the CPU.
    rows : (m,) int64.
    """
    size = tensor[0].numel() * tensor.element_size()
    for row in rows.tolist() if size * len(tensor) >= _LARGE else ():
        start = tensor.data_ptr() + row * size
        page = start - start % mmap.PAGESIZE
        # An error means that the pages cannot be read ahead; they are then read when they are used.
        _libc.madvise(
            ctypes.c_void_p(page), ctypes.c_size_t(start + size - page), mmap.MADV_WILLNEED
        )
