"""Where the arithmetic happens: the device, the number of threads, the allocator."""

import ctypes
import platform

import torch

from twinview.errors import ConfigError

# mallopt's numbers for the two thresholds, and a size above every tensor of a training step.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _NEVER = -1, -3, 2**30


def choose_device(name: str) -> torch.device:
    """The device that `auto`, `cpu` or `cuda` stands for; auto takes a GPU when there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "pretrain.device is 'cuda', but PyTorch sees no GPU; set it to auto or cpu"
        )
    return torch.device(name)


def use_threads(count: int) -> None:
    """Sets how many CPU threads PyTorch computes with; another number rounds sums differently."""
    torch.set_num_threads(count)
    _keep_memory()


def _keep_memory() -> None:
    """Has glibc keep freed memory for the next step instead of handing it back to the system.

    A training step frees and takes the same large blocks again and again; fetching their pages
    anew cost a quarter of the step (docs/log.md).
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
        libc.mallopt(_MMAP_THRESHOLD, _NEVER)
