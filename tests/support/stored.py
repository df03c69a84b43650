"""The files of a folder as the store of decoded pictures takes them."""

from pathlib import Path

SHAPE = (3, 8, 6)


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """The size and the time of each file below a folder."""
    listed = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns) for p in listed}
