"""A source of examples in memory, divided into splits."""

from pathlib import Path

from twinview.core.types import Source
from twinview.data import split_writer
from twinview.data.source_splits import split_source
from twinview.data.splits import NAMES
from twinview.preparation import examples
from twinview.preparation.division import Divided
from twinview.settings.sections import Data


def prepare_source(source: Source, options: Data, folder: Path, *, stratified: bool) -> Divided:
    """The splits of a source, which are written into a folder.

    Parameters
    ----------
    source : the rows.
    options : the section data of params.yaml.
    folder : gets the files of the splits.
    stratified : whether the splits have all classes in proportion; else labels do not count.

    Raises
    ------
    ConfigError : the source has fewer rows than the splits want.
    DataError : the modality cannot store the inputs, or ids, groups and splits contradict.
    """
    wanted = {name: getattr(options, name) for name in NAMES}
    prepared = split_source(source, wanted, options.seed, stratified=stratified)
    for name, split in prepared.splits.items():
        split_writer.save_split(folder, name, split)
    table = examples.columns(examples.rows_of_source(source, prepared, options.source))
    return Divided(prepared, table, ())
