"""A limit on the memory of this process, page cache included, which the system keeps (cgroups)."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from twinview.core.errors import ConfigError

_ROOT = Path("/sys/fs/cgroup")
_REMEDY = "run as root, or under `systemd-run --user --scope -p MemoryMax=2000M`"


@contextlib.contextmanager
def memory_limit(megabytes: int) -> Iterator[None]:
    """Holds this process under the limit during the block.

    Pages of files that are mapped go first; what does not fit then ends the process. Raises
    ConfigError where no group can be made.
    """
    old = (_ROOT / "memory").is_dir()  # version 1 has a folder for each kind of limit
    base = _ROOT / "memory" if old else _ROOT
    group = base / f"twinview-{uuid.uuid4().hex[:8]}"
    try:
        group.mkdir()
        limit = "memory.limit_in_bytes" if old else "memory.max"
        (group / limit).write_text(str(megabytes * 10**6))
        (group / "cgroup.procs").write_text(str(os.getpid()))
    except OSError as error:
        problem = f"cannot be made ({error.strerror})"
        raise ConfigError.at(f"the group {group}", problem, _REMEDY) from None
    try:
        yield
    finally:
        (base / "cgroup.procs").write_text(str(os.getpid()))
        group.rmdir()
