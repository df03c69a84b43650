"""The costs of a run for the page: minutes, examples per second, disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinview.core.counts import format_duration
from twinview.experiments.lock_file import Out

_LARGE = 1e-4  # as a share of the largest out; smaller outs are one line of the table


@dataclass(frozen=True)
class DiskUsage:
    """The disk space of one out. words: its size as text. share: relative to the largest out."""

    out: Out
    words: str
    share: float


def costs(
    run: Mapping[str, Any], outs: Sequence[Out], stage_seconds: Mapping[str, float]
) -> dict[str, Any]:
    """The page's costs, with the outs in order of size.

    Parameters
    ----------
    run : the record of the pretraining.
    outs : the outs of the stages.
    stage_seconds : how long each stage took, as far as that is known.
    """
    by_size = sorted(outs, key=lambda out: -out.size)
    large = [out for out in by_size if out.size >= _LARGE * by_size[0].size]
    smaller = by_size[len(large) :]
    return {
        "minutes": format_duration(run["seconds"]),
        "rate": f"{run['examples_per_second']:,} examples/s",
        "stage_minutes": {name: format_duration(s) for name, s in stage_seconds.items()},
        "disk": format_size(sum(out.size for out in outs)),
        "disk_usage": [
            DiskUsage(out, format_size(out.size), round(out.size / by_size[0].size, 4))
            for out in large
        ],
        "smaller": smaller,
        "smaller_words": format_size(sum(out.size for out in smaller)),
    }


def format_size(size: int) -> str:
    """A number of bytes as text of three digits, such as '557 B', '13.5 kB' or '1.96 GB'."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.3g} {unit}"
