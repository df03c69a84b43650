"""Where the arithmetic happens: the device, its precision, the number of threads, the allocator."""

import ctypes
import os
import platform
import shutil

import torch
from torch import nn

from twinview.compute import processes
from twinview.core.errors import ConfigError

# The values of ONEDNN_MAX_CPU_ISA under which oneDNN computes bfloat16 by way of float32.
_WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")

# mallopt's numbers for the two thresholds, and a size above every tensor of a training step.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _NEVER = -1, -3, 2**30


def choose_device(name: str) -> torch.device:
    """The device that `auto`, `cpu` or `cuda` stands for; auto takes a GPU when there is one.

    Of several processes on a machine each has a GPU of its own (not yet tried on hardware). Raises
    ConfigError where there are none, or too few.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "pretrain.device is 'cuda', but PyTorch sees no GPU; set it to auto or cpu"
        )
    if name == "cpu" or processes.world_size() == 1:
        return torch.device(name)
    here, found = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if here > found:
        raise ConfigError(
            f"{here} processes share {found} GPUs of this machine; set pretrain.processes (or "
            f"torchrun's --nproc-per-node) to {found} or less, or pretrain.device to cpu"
        )
    return torch.device(name, int(os.environ["LOCAL_RANK"]))


def set_threads(count: int) -> None:
    """Sets how many CPU threads PyTorch computes with; another number rounds sums differently."""
    torch.set_num_threads(count)
    _keep_freed_memory()


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Inside, products and convolutions are computed in float32 or bfloat16, as precision says."""
    chosen = choose_precision(precision, device)
    return torch.autocast(device.type, torch.bfloat16, enabled=chosen == "bfloat16")


def choose_precision(name: str, device: torch.device) -> str:
    """What `auto`, `float32` or `bfloat16` stands for; auto takes bfloat16 where it is built in.

    It is not where ONEDNN_MAX_CPU_ISA keeps PyTorch from the processor's instructions for it.
    """
    if name != "auto":
        return name
    if device.type == "cuda":
        built_in = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        found = torch.cpu.get_capabilities()
        built_in = any(found.get(kind) for kind in ("avx512_bf16", "amx_bf16", "bf16"))
        built_in = built_in and os.environ.get("ONEDNN_MAX_CPU_ISA") not in _WITHOUT_BFLOAT16
    return "bfloat16" if built_in else "float32"


def compile_in_place(module: nn.Module, device: torch.device) -> None:
    """Has torch.compile fuse what module computes; names of weights stay.

    Raises ConfigError when the CPU's code cannot be compiled for want of a compiler.
    """
    if device.type == "cpu" and not shutil.which(os.environ.get("CXX", "g++")):
        raise ConfigError(
            "pretrain.compile is true, and torch.compile finds no C++ compiler; install g++, or "
            "set it to false"
        )
    module.compile()


def _keep_freed_memory() -> None:
    """Has glibc keep freed memory for the next step instead of handing it back to the system.

    A training step frees and takes the same large blocks again and again; fetching their pages
    anew cost a quarter of the step (docs/log.md).
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
        libc.mallopt(_MMAP_THRESHOLD, _NEVER)
