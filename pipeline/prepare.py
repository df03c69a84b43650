"""Stage prepare: checked splits of a source, the table of its examples, and a data card."""

import dataclasses
from pathlib import Path

from twinview.core import declare, files, paths, registry
from twinview.core.counts import describe_counts
from twinview.core.types import Source
from twinview.data import labelled_pairs, scan_record, split_writer
from twinview.data.examples import save_examples
from twinview.data.file_source import FileSource
from twinview.data.text_source import TextSource
from twinview.preparation.division import most_train_examples
from twinview.preparation.files import prepare_files
from twinview.preparation.memory import prepare_source
from twinview.preparation.texts import prepare_texts
from twinview.reporting.data_card import (
    called_by,
    contact_sheet,
    data_card,
    describe_examples,
    describe_sheet,
    duplicates,
)
from twinview.settings import params
from twinview.settings.sections import Data
from twinview.stages import stage
from twinview.stages.declared import Stage

STAGE = Stage(
    # The whole folder of pairs, since DVC cannot depend on a null name.
    reads=(paths.LABELLED_PAIRS, paths.SCAN),
    settings=("data", "sources", "pretrain.labels"),
    plug_ins=("sources", "modalities"),
    writes=(paths.PREPARED, paths.DATA_CARD),
    pictures=(paths.CONTACT_SHEET,),
)


def main() -> None:
    """Fetches, checks, decodes and splits the data."""
    settings = params.load()
    data, stratified = settings.data, settings.pretrain.labels == "used"
    declared = registry.declaration("sources", data.source)
    assert isinstance(declared, declare.Source)
    with stage.show_elapsed(f"{data.source}: fetched where it is missing, and checked"):
        source = _source(settings, declared)
    _require_examples(source, data)
    with files.atomic_folder(paths.PREPARED) as folder:
        if declared.of_user:
            scan_record.renew(paths.SCAN, source)
        if isinstance(source, FileSource):
            divided = prepare_files(
                source, data, folder, stratified=stratified, progress=stage.progress
            )
        elif isinstance(source, TextSource):
            divided = prepare_texts(source, data, folder, stratified=stratified)
        else:
            divided = prepare_source(source, data, folder, stratified=stratified)
        prepared = divided.prepared
        if data.pairs:
            pairs = labelled_pairs.read(Path(data.pairs), prepared.splits)
            prepared = dataclasses.replace(prepared, pairs=pairs)
        split_writer.save_index(folder, prepared)
        split_writer.save_labels(folder, prepared)
        save_examples(folder / paths.EXAMPLES.name, divided.table)
    notes = (*divided.notes, *describe_sheet(prepared))
    called = called_by(declared, data.source, settings.sources[data.source])
    card = data_card(prepared, called) | describe_examples(divided.table, notes)
    card["duplicates"] = duplicates(divided.table)
    files.save_json(paths.DATA_CARD, card)
    with files.atomic_file(paths.CONTACT_SHEET) as temporary:
        contact_sheet(prepared).save(temporary, format="png")
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in prepared.splits.items())
    left_out = describe_counts(card["left_out"])
    print(f"prepare: {sizes}" + (f"; left out: {left_out}" if left_out else ""))
    for note in notes:
        print(f"prepare: {note}")


def _source(settings: params.Params, declared: declare.Source) -> Source | FileSource | TextSource:
    """What the source returns. One that fits pictures itself gets their shape."""
    data = settings.data
    shape = (data.channels, data.size, data.size)
    source: Source | FileSource | TextSource = settings.bound("sources", data.source)(
        *[shape] * declared.fitted
    )
    return source


def _require_examples(source: Source | FileSource | TextSource, data: Data) -> None:
    """Refuses settings for which there are too few files, before the first of them is decoded."""
    if isinstance(source, FileSource | TextSource):
        count = len(source.texts if isinstance(source, TextSource) else source.scan.files)
        most = most_train_examples(count, source.labels, data)
        stage.check_params({"train": most})


if __name__ == "__main__":
    stage.run(main)
