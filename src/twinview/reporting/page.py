"""The report: one self-contained HTML page of all results of a finished pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from twinview.core import entries
from twinview.core.counts import counted
from twinview.core.errors import DataError
from twinview.core.files import flatten
from twinview.core.paths import OURS, PREPARED
from twinview.core.templates import render
from twinview.core.types import Embeddings
from twinview.data import splits
from twinview.data.splits import Prepared
from twinview.evaluation.standings import REFERENCES
from twinview.experiments.lock_file import Out
from twinview.reporting import charts, results
from twinview.reporting.closest_pairs import closest_pairs
from twinview.reporting.cluster_sheets import Sheet, cluster_sheets
from twinview.reporting.confusion import class_rows, largest_mistakes
from twinview.reporting.costs import costs
from twinview.reporting.curves import CurveRows, describe_training
from twinview.reporting.data_found import data_found, file_names
from twinview.reporting.differences import differences
from twinview.reporting.embedding_map import (
    close_pairs,
    map_data,
    map_sprite,
    neighbour_rows,
    random_rows,
)
from twinview.reporting.label_charts import label_charts
from twinview.reporting.mistakes import mistakes
from twinview.reporting.next_steps import MORE_SEEDS, NEXT_STEPS
from twinview.reporting.sentences import drawn, sentences

_TEMPLATE = Path(__file__).parent / "page.html.j2"
_CLOSE_PAIRS = 20  # of features, that are shown


@dataclass(frozen=True)
class StageOutputs:
    """What the earlier stages wrote.

    settings: the settings in effect, as Params.chosen returns them. steps, epochs, predictions:
    the rows of their CSV files. examples: the table of examples. card: the data card. features,
    raw: those of the encoder and those of the raw inputs, by split.
    views_picture: a data URI. outs: the files of the stages. stage_seconds: how long stages took,
    as far as that is known.
    """

    settings: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    predictions: CurveRows
    pretrained: Mapping[str, Any]
    steps: CurveRows
    epochs: CurveRows
    run: Mapping[str, Any]
    prepared: Prepared
    examples: pa.Table
    card: Mapping[str, Any]
    features: Mapping[str, Embeddings]
    raw: Mapping[str, Embeddings]
    views_picture: str
    outs: Sequence[Out]
    stage_seconds: Mapping[str, float]


def page(outputs: StageOutputs, *, points: int, queries: int, neighbours: int, seed: int) -> str:
    """The HTML page; equal outputs give equal text.

    Parameters
    ----------
    outputs : what the earlier stages wrote.
    points : the number of test examples on the map.
    queries : the number of test examples that are shown with their neighbours: random ones, and
        ones that the first probe classified wrongly, if there is a probe.
    neighbours : the number of nearest train examples of each query.
    seed : of the map and of the chosen examples.

    Raises
    ------
    DataError : the outputs belong to different rows.
    """
    require_same_rows(outputs)
    outputs = _labelled_or_not(outputs)
    batch_size = outputs.settings["pretrain"]["batch_size"]
    shape, texts = outputs.prepared.shape, sentences(outputs.prepared)
    files = file_names(outputs.examples) if texts is None else texts
    declared = outputs.prepared.declared_modality
    outputs = replace(outputs, prepared=drawn(outputs.prepared))
    names = [files.get(n, str(n)) for n in outputs.prepared.splits["test"].ids.tolist()]
    return render(
        _TEMPLATE,
        escaped=True,
        charts=charts,
        files=files,
        texts=texts is not None,
        shape_words=_words_of(shape),
        pictures=declared.are_pictures,
        thing=declared.called,
        made_of=declared.made_of,
        raw_words=REFERENCES[declared.raw],
        **_results(outputs),
        **describe_training(outputs.pretrained, outputs.steps, outputs.epochs, batch_size),
        **_pictures(outputs, names, points, queries, neighbours, seed),
        **_mistakes(outputs, names),
        **_data(outputs),
        sheets=_sheets(outputs),
        **_origin(outputs),
        next_steps=NEXT_STEPS | dict([MORE_SEEDS]),
        **costs(outputs.run, outputs.outs, outputs.stage_seconds),
    )


def require_same_rows(outputs: StageOutputs) -> None:
    """Raises DataError unless data, embeddings and predictions have the same rows."""
    ids = {name: split.ids.tolist() for name, split in outputs.prepared.splits.items()}
    for name, part in outputs.features.items():
        if part.ids.tolist() != ids[name]:
            raise DataError.at(
                f"the embeddings of {name}", "have other rows than the data", "run `dvc repro`"
            )
    if [int(row["id"]) for row in outputs.predictions] != ids["test"]:
        raise DataError.at(
            "the predictions", "have other rows than the test data", "run `dvc repro`"
        )


def _labelled_or_not(outputs: StageOutputs) -> StageOutputs:
    """The outputs; if a split has no labels, without those of the others, so that all are alike."""
    if not splits.unlabelled(outputs.prepared.splits):
        return outputs
    bare = {name: replace(part, labels=None) for name, part in outputs.prepared.splits.items()}
    return replace(outputs, prepared=replace(outputs.prepared, splits=bare))


def _results(outputs: StageOutputs) -> dict[str, Any]:
    contenders, declared = outputs.evaluation["contenders"], entries.recorded(outputs.evaluation)
    ours, classes = contenders[OURS], outputs.evaluation["classes"]
    predicting = results.predicting(ours)
    return {
        "source": outputs.card["source"],
        "method": outputs.settings["pretrain"]["method"],
        "sentence": results.sentence(contenders, declared, _scored(outputs)),
        "judgements": results.judgements(contenders, declared),
        "differences": differences(contenders, declared),
        "label_charts": label_charts(contenders, declared),
        "protocol": outputs.evaluation["protocol"],
        "draws": sorted({len(of["draws"]) for of in ours.values() if "draws" in of}),
        "table": results.table(contenders, declared),
        "choices": results.choices(contenders, declared),
        "over_groups": results.over_groups(contenders, declared),
        "left_out": outputs.evaluation.get("left_out", {}),
        "label_notes": outputs.evaluation.get("notes", []),
        "labelled": not splits.unlabelled(outputs.prepared.splits),
        "classes": classes,
        "words": {name: entry.words for name, entry in declared.items()},
        "confusions": {name: class_rows(ours[name], classes) for name in predicting},
        "largest": {name: largest_mistakes(ours[name], classes) for name in predicting},
    }


def _scored(outputs: StageOutputs) -> str:
    """How many test examples the first task scores, in words; it may need their labels."""
    rows, ours = outputs.predictions, outputs.evaluation["contenders"][OURS]
    first = entries.of_first_task(entries.recorded(outputs.evaluation))
    labelled = sum(bool(row.get("actual")) for row in rows)
    if labelled < len(rows) and any({"confusion", "draws"} & ours[name].keys() for name in first):
        return counted(labelled, "labelled test example")
    return counted(len(rows), "test example")


def _mistakes(outputs: StageOutputs, names: Sequence[str]) -> dict[str, Any]:
    classes, test = outputs.evaluation["classes"], outputs.prepared.splits["test"]
    label_of = {name: label for label, name in enumerate(classes)}
    predictions = {
        probe: [label_of[row[probe]] for row in outputs.predictions]
        for probe in results.predicting(outputs.evaluation["contenders"][OURS])
    }
    labels = [] if test.labels is None else test.labels.tolist()
    data, pictures = mistakes(test, labels, predictions, names)
    return {"mistakes": data, "mistakes_sprite": pictures}


def _data(outputs: StageOutputs) -> dict[str, Any]:
    parts, classes = outputs.prepared.splits, outputs.evaluation["classes"]
    pairs = closest_pairs(outputs.features, _CLOSE_PAIRS)
    return {
        "found": data_found(outputs.examples, parts),
        "notes": outputs.card["notes"],
        "close_pairs": close_pairs(parts, pairs, classes),
    }


def _words_of(shape: tuple[int, ...]) -> str:
    if len(shape) != 3:
        return " × ".join(map(str, shape))
    channels, height, width = shape
    return f"{width} × {height} {'grey' if channels == 1 else 'coloured'}"


def _sheets(outputs: StageOutputs) -> dict[str, list[Sheet]]:
    """The sheets of each entry that found clusters, by its words."""
    ours, declared = outputs.evaluation["contenders"][OURS], entries.recorded(outputs.evaluation)
    test, classes = outputs.prepared.splits["test"], outputs.evaluation["classes"]
    return {
        declared[name].words: cluster_sheets(
            ours[name]["nearest"], [int(row[name]) for row in outputs.predictions], test, classes
        )
        for name in results.clustering(ours)
    }


def _origin(outputs: StageOutputs) -> dict[str, Any]:
    settings, prepared = outputs.settings, outputs.prepared
    groups = {name: flatten(section) for name, section in settings.items() if flatten(section)}
    chain = {name: settings["augmentations"][name] for name in settings["views"]["chain"]}
    return {
        "parameters": groups,
        "run": outputs.run,
        "views_picture": outputs.views_picture,
        "views": settings["views"],
        "chain": chain,
        "examples": {name: len(split) for name, split in prepared.splits.items()},
        "data": next(out for out in outputs.outs if out.path == str(PREPARED)),
    }


def _pictures(
    outputs: StageOutputs,
    names: Sequence[str],
    points: int,
    queries: int,
    neighbours: int,
    seed: int,
) -> dict[str, Any]:
    parts, features = outputs.prepared.splits, outputs.features
    test, classes = parts["test"], outputs.evaluation["classes"]
    probe = next(iter(results.predicting(outputs.evaluation["contenders"][OURS])), None)
    predicted = None if probe is None else [row[probe] for row in outputs.predictions]
    wrong = [
        probe is not None and row["actual"] not in ("", row[probe]) for row in outputs.predictions
    ]
    on_map = random_rows(seed, "map", points, len(test))
    query_rows = random_rows(seed, "queries", queries, len(test))
    missed = torch.tensor(wrong).nonzero()
    missed = missed[random_rows(seed, "missed", queries, len(missed)), 0]
    return {
        "probe": entries.recorded(outputs.evaluation)[probe].words if probe else "",
        "map": map_data(test, features["test"].features, predicted, classes, names, on_map, seed),
        "sprite": map_sprite(test, on_map),
        "queries": neighbour_rows(parts, features, predicted, classes, query_rows, neighbours),
        "by_raw": neighbour_rows(parts, outputs.raw, predicted, classes, query_rows, neighbours),
        "missed": neighbour_rows(parts, features, predicted, classes, missed, neighbours),
    }
