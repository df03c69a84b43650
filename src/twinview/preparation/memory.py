"""A source of examples in memory, divided into splits."""

import numpy as np

from twinview.core.types import Source
from twinview.data.copies import CopyPlan, plan_copies
from twinview.data.source_splits import known_rows, split_source
from twinview.data.splits import NAMES
from twinview.preparation import examples
from twinview.preparation.copies import find_copies
from twinview.preparation.division import Divided
from twinview.settings.sections import Data


def prepare_source(source: Source, options: Data, *, stratified: bool) -> Divided:
    """The splits of a source.

    Parameters
    ----------
    source : the rows.
    options : the section data of params.yaml.
    stratified : whether the splits have all classes in proportion; else labels do not count.

    Raises
    ------
    ConfigError : the source has fewer rows than the splits want.
    DataError : the modality cannot store the inputs, or ids, groups and splits contradict.
    """
    wanted = {name: getattr(options, name) for name in NAMES}
    plan = _plan(source, options, stratified=stratified)
    prepared = split_source(source, wanted, options.seed, stratified=stratified, plan=plan)
    table = examples.columns(examples.rows_of_source(source, prepared, options.source, plan))
    return Divided(prepared, table, plan.notes)


def _plan(source: Source, options: Data, *, stratified: bool) -> CopyPlan:
    known = known_rows(source)
    fit, test = source.fit, source.test
    inputs = [part.inputs.numpy() for part in (fit, test) if part is not None]

    def read(rows: np.ndarray) -> np.ndarray:
        within = rows < len(fit)
        found = np.empty((len(rows), *inputs[0].shape[1:]), inputs[0].dtype)
        found[within] = inputs[0][rows[within]]
        found[~within] = inputs[-1][rows[~within] - len(fit)]
        return found

    are_pictures = source.modality == "image" and inputs[0].dtype == np.uint8
    return plan_copies(
        find_copies(read, len(known.ids), are_pictures=are_pictures),
        known.ids,
        labels=known.labels if stratified else None,
        groups=known.groups,
        given=known.given,
        duplicates=options.duplicates,
        near_pairs=options.near_pairs,
    )
