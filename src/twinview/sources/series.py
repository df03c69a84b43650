"""Time series of the user: a table with a row for each step (CSV, TSV, Parquet), or a .npz."""

from collections.abc import Mapping
from typing import Literal

from twinview.core import declare
from twinview.core.errors import ConfigError
from twinview.core.paths import root
from twinview.core.types import Source
from twinview.data.series_options import SeriesColumns, WindowOptions
from twinview.data.series_source import cut_windows


def series(
    *,
    path: str,
    columns: SeriesColumns,
    split_names: Mapping[str, Literal["train", "validation", "test"]],
    window: WindowOptions,
) -> Source:
    """Windows of all recordings of a file, which is only read.

    Windows of a recording fall into one split, and so do those of a group of recordings.

    Parameters
    ----------
    path : the file, absolute or relative to the project.
    columns : the names of its columns or arrays.
    split_names : from the words for splits to train, validation and test.
    window : how recordings are cut.

    Raises
    ------
    ConfigError : the file or a column is missing, or the columns do not fit the kind of file.
    DataError : the file is broken; the message names the line.
    """
    from twinview.data import series_files  # pyarrow: settings are checked without it

    file = root() / path
    roles = {role: getattr(columns, role) for role in ("series", "label", "group", "split")}
    words = {role: name for role, name in roles.items() if name is not None}
    if file.suffix.lower() == ".npz":
        if len(columns.channels) > 1 or columns.series is not None or columns.time is not None:
            raise ConfigError.at(
                "sources.series.columns",
                f"are those of a table, and {file} is a .npz",
                "name its one array (n, channels, steps) as channels, and set series and time to "
                "null",
            )
        found = series_files.read_npz(file, columns.channels[0], words, split_names)
    elif columns.series is None:
        raise ConfigError.at(
            "sources.series.columns.series",
            "is null",
            "name the column that says which recording a row is of",
        )
    else:
        found = series_files.read_long_table(
            file, words, columns.time, columns.channels, split_names
        )
    return cut_windows(found, window, str(file), (file,))


DECLARES = declare.Source(modality="series", of_user=True, called_by="path")
