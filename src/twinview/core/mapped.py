"""Tensors that are mapped from a file: their pages are read from the disk when they are used."""

import ctypes
import mmap

from torch import Tensor

_libc = ctypes.CDLL(None)


def read_ahead(tensor: Tensor, rows: Tensor) -> None:
    """Asks the system to read rows from the disk, so that using them later does not wait.

    It returns at once, and does nothing to tensors that are in memory already.

    Parameters
    ----------
    tensor : (n, ...), contiguous, on the CPU.
    rows : (m,) int64.
    """
    size = tensor[0].numel() * tensor.element_size()
    for row in rows.tolist():
        start = tensor.data_ptr() + row * size
        page = start - start % mmap.PAGESIZE
        # An error means that the pages cannot be read ahead; they are then read when they are used.
        _libc.madvise(
            ctypes.c_void_p(page), ctypes.c_size_t(start + size - page), mmap.MADV_WILLNEED
        )
