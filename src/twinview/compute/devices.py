"""Where the arithmetic happens: the device, its precision, the number of threads, the allocator.

The stages call this module before they compute; nothing here changes what is computed but by
rounding.
"""

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

# mallopt's numbers for two thresholds, and a size above that of every tensor of a training step.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _NEVER = -1, -3, 2**30


def choose_device(name: str) -> torch.device:
    """The device that `auto`, `cpu` or `cuda` stands for; `auto` takes a GPU when there is one.

    When several processes run on a machine, each gets a GPU of its own (not yet tried on hardware).
    Raises ConfigError when the machine has no GPU, or fewer GPUs than processes.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError.at(
            "pretrain.device", "is 'cuda', but PyTorch sees no GPU", "set it to auto or cpu"
        )
    if name == "cpu" or processes.world_size() == 1:
        return torch.device(name)
    local_size, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if local_size > gpus:
        raise ConfigError.at(
            "pretrain.processes",
            f"is too large: {local_size} processes share {gpus} GPUs of this machine",
            f"set it (or torchrun's --nproc-per-node) to {gpus} or less, or pretrain.device to cpu",
        )
    return torch.device(name, int(os.environ["LOCAL_RANK"]))


def set_threads(count: int) -> None:
    """Sets how many CPU threads PyTorch computes with; another number rounds sums differently."""
    torch.set_num_threads(count)
    _keep_freed_memory()


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """A context in which products and convolutions have the given precision.

    precision: `auto`, `float32` or `bfloat16`, as in `choose_precision`.
    """
    chosen = choose_precision(precision, device)
    return torch.autocast(device.type, torch.bfloat16, enabled=chosen == "bfloat16")


def choose_precision(name: str, device: torch.device) -> str:
    """The precision that `auto`, `float32` or `bfloat16` stands for.

    `auto` takes bfloat16 where the hardware computes in it, and float32 elsewhere. A processor does
    not compute in bfloat16 when ONEDNN_MAX_CPU_ISA keeps PyTorch from the instructions for it.
    """
    if name != "auto":
        return name
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities()
        native = any(capabilities.get(kind) for kind in ("avx512_bf16", "amx_bf16", "bf16"))
        native = native and os.environ.get("ONEDNN_MAX_CPU_ISA") not in _WITHOUT_BFLOAT16
    return "bfloat16" if native else "float32"


def compile_in_place(module: nn.Module, device: torch.device) -> None:
    """Compiles a module with torch.compile; the names of its weights do not change.

    Raises ConfigError when the device is a CPU and the machine has no C++ compiler.
    """
    if device.type == "cpu" and not shutil.which(os.environ.get("CXX", "g++")):
        raise ConfigError.at(
            "pretrain.compile",
            "is true, but torch.compile finds no C++ compiler",
            "install g++, or set it to false",
        )
    module.compile()


def _keep_freed_memory() -> None:
    """Makes glibc keep freed memory for the next step instead of returning it to the system.

    A training step frees and takes the same large blocks again and again; fetching their pages
    anew cost a quarter of the step (docs/log.md).
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
        libc.mallopt(_MMAP_THRESHOLD, _NEVER)
