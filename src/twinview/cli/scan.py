"""Lists the files of the source's folder, so that DVC notices what has changed.

DVC would have to read every picture to see a change. It depends on data/scan.json in place of them,
which this command renews; no file is opened. `twinview repro` and `make repro` scan first.

    $ twinview scan
"""

import argparse
import hashlib
import os
from collections import Counter
from pathlib import Path

from twinview.cli.outcome import Outcome
from twinview.core import declare, paths, registry
from twinview.core.counts import counted, describe_counts
from twinview.core.errors import ConfigError
from twinview.data import folder_scan
from twinview.data.folder_scan import Changes, Scan
from twinview.settings import params

# The files of the last scan of each folder, by which the next one says what has changed.
LISTINGS = paths.SCRATCH / "twinview/scans"
_MOST_NAMED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command takes no arguments of its own."""


def run(options: argparse.Namespace) -> Outcome:
    """What has changed. Raises ConfigError where the source reads no files of the user."""
    settings = params.load()
    outcome = scan(settings)
    if outcome is None:
        raise ConfigError.at(
            "data.source",
            f"is {settings.data.source!r}, which has no folder to scan",
            "set it to folder, and sources.folder.path to your folder",
        )
    return outcome


def scan(settings: params.Params) -> Outcome | None:
    """Renews data/scan.json, and says what has changed; None where no file is the user's."""
    declared = registry.declaration("sources", settings.data.source)
    if not (isinstance(declared, declare.Source) and declared.of_user):
        return None
    from twinview.data import scan_record  # here, since these load PyTorch
    from twinview.data.file_source import FileSource

    source = settings.bound("sources", settings.data.source)()
    renewed = scan_record.renew(paths.SCAN, source)
    if not isinstance(source, FileSource):
        state = "is renewed" if renewed else "is up to date"
        named = ", ".join(map(str, source.files))
        return Outcome(f"twinview: {named}; {paths.SCAN} {state}", {"renewed": renewed})
    listing = _listing(source.folder)
    before = folder_scan.load_scan(listing) if listing.is_file() else Scan({}, {})
    changes = folder_scan.compare_scans(before, source.scan)
    folder_scan.save_scan(listing, source.scan)
    count = len(source.scan.files)
    left_out = Counter(source.scan.left_out.values())
    besides = f" (left out: {describe_counts(left_out)})" if left_out else ""
    text = f"twinview: {source.folder} holds {counted(count, 'file')}{besides}"
    changed = f"; {_describe(changes)} since the last scan" if before.files and changes else ""
    state = "is renewed" if renewed else "is up to date"
    lines = [f"{text}{changed}; {paths.SCAN} {state}", *source.labels.notes]
    data = {
        "files": count,
        "left_out": dict(left_out),
        "added": list(changes.added),
        "deleted": list(changes.deleted),
        "changed": list(changes.changed),
        "renewed": renewed,
    }
    return Outcome("\n".join(lines), data)


def _listing(folder: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return LISTINGS / f"{digest}.parquet"


def _describe(changes: Changes) -> str:
    """How many files were added, deleted and changed, with the names of the first."""
    parts = []
    for words, names in vars(changes).items():
        if names:
            others = ", ..." if len(names) > _MOST_NAMED else ""
            parts.append(f"{len(names):,} {words} ({', '.join(names[:_MOST_NAMED])}{others})")
    return ", ".join(parts)
