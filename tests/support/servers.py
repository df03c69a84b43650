"""Servers that tests start: a port for one, and the wait until it answers."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from urllib.request import urlopen


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def refusing() -> Iterator[int]:
    """A port of this machine that refuses connections: it is taken, and nobody listens on it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until the address answers; fails when its process ends, or after four minutes."""
    for _ in range(480):
        assert process.poll() is None
        with contextlib.suppress(OSError), urlopen(url, timeout=5):
            return
        time.sleep(0.5)
    raise AssertionError(f"{url} does not answer")
