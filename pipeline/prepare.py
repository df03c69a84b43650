"""Stage prepare: checked splits of a source, a data card and a contact sheet."""

import dataclasses
from pathlib import Path

from twinview.core import files, paths
from twinview.data import labelled_pairs, splits
from twinview.reporting.data_card import contact_sheet, data_card
from twinview.settings import params
from twinview.stages import stage
from twinview.stages.declared import Stage

STAGE = Stage(
    reads=(paths.LABELLED_PAIRS,),  # the whole folder, since DVC cannot depend on a null name
    settings=("data", "sources"),
    plug_ins=("sources", "modalities"),
    writes=(paths.PREPARED, paths.DATA_CARD),
    pictures=(paths.CONTACT_SHEET,),
)


def main() -> None:
    """Fetches, checks and splits the data."""
    settings = params.load()
    data = settings.data
    with stage.show_elapsed(f"{data.source}: fetched where it is missing, and checked"):
        source = settings.bound("sources", data.source)()
    sizes = {"train": data.train, "validation": data.validation, "test": data.test}
    prepared = splits.split_source(source, sizes, data.seed)
    pairs = labelled_pairs.read(Path(data.pairs), prepared.splits) if data.pairs else None
    prepared = dataclasses.replace(prepared, pairs=pairs)
    card = data_card(prepared, data.source)
    splits.save(paths.PREPARED, prepared)
    files.save_json(paths.DATA_CARD, card)
    with files.atomic_file(paths.CONTACT_SHEET) as temporary:
        contact_sheet(prepared).save(temporary, format="png")
    print(
        f"prepare: {', '.join(f'{name} {len(split):,}' for name, split in prepared.splits.items())}"
    )


if __name__ == "__main__":
    stage.run(main)
