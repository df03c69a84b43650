"""The report: one self-contained HTML page of everything that a finished pipeline found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from twinview.core import entries
from twinview.core.errors import DataError
from twinview.core.files import flatten
from twinview.core.paths import OURS, PREPARED
from twinview.core.templates import render
from twinview.core.types import Embeddings
from twinview.data.splits import Prepared
from twinview.experiments.lock_file import Out
from twinview.reporting import charts, results
from twinview.reporting.confusion import class_rows, largest
from twinview.reporting.costs import costs
from twinview.reporting.curves import CurveRows, training
from twinview.reporting.embedding_map import (
    drawn,
    labels_of,
    map_data,
    map_sprite,
    neighbour_rows,
)
from twinview.reporting.mistakes import mistakes

_TEMPLATE = Path(__file__).parent / "page.html.j2"


@dataclass(frozen=True)
class Evidence:
    """What the stages before wrote. settings: the effective ones, as Params.chosen gives them.

    steps, epochs, predictions: the rows of their CSV files. views_picture: a data URI.
    outs: what the stages before have written.
    """

    settings: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    predictions: CurveRows
    pretrained: Mapping[str, Any]
    steps: CurveRows
    epochs: CurveRows
    run: Mapping[str, Any]
    prepared: Prepared
    features: Mapping[str, Embeddings]
    views_picture: str
    outs: Sequence[Out]


def page(evidence: Evidence, *, points: int, queries: int, neighbours: int, seed: int) -> str:
    """The HTML: equal evidence gives equal text.

    points: test examples on the map. queries, neighbours: test examples shown with their nearest
    train examples, so many of all and so many of those that the first probe got wrong, if one is
    among the tasks.
    Raises DataError when the evidence is not all of the same rows.
    """
    require_same_rows(evidence)
    batch_size = evidence.settings["pretrain"]["batch_size"]
    return render(
        _TEMPLATE,
        escaped=True,
        charts=charts,
        **_results(evidence),
        **training(evidence.pretrained, evidence.steps, evidence.epochs, batch_size),
        **_pictures(evidence, points, queries, neighbours, seed),
        **_mistakes(evidence),
        **_origin(evidence),
        **costs(evidence.run, evidence.outs),
    )


def require_same_rows(evidence: Evidence) -> None:
    """Raises DataError unless data, embeddings and predictions are of the same rows."""
    ids = {name: split.ids.tolist() for name, split in evidence.prepared.splits.items()}
    for name, part in evidence.features.items():
        if part.ids.tolist() != ids[name]:
            raise DataError(f"the embeddings of {name} are of other rows; run `dvc repro`")
    if [int(row["id"]) for row in evidence.predictions] != ids["test"]:
        raise DataError("the predictions are of other rows than the test data; run `dvc repro`")


def _results(evidence: Evidence) -> dict[str, Any]:
    contenders, declared = evidence.evaluation["contenders"], entries.recorded(evidence.evaluation)
    ours, classes = contenders[OURS], evidence.evaluation["classes"]
    predicting = results.predicting(ours)
    return {
        "source": evidence.settings["data"]["source"],
        "method": evidence.settings["pretrain"]["method"],
        "sentence": results.sentence(contenders, declared, len(evidence.predictions)),
        "judgements": results.judgements(contenders, declared),
        "protocol": evidence.evaluation["protocol"],
        "draws": sorted({len(of["draws"]) for of in ours.values() if "draws" in of}),
        "table": results.table(contenders, declared),
        "choices": results.choices(contenders, declared),
        "classes": classes,
        "words": {name: entry.words for name, entry in declared.items()},
        "confusions": {name: class_rows(ours[name], classes) for name in predicting},
        "largest": {name: largest(ours[name], classes) for name in predicting},
    }


def _mistakes(evidence: Evidence) -> dict[str, Any]:
    classes, test = evidence.evaluation["classes"], evidence.prepared.splits["test"]
    number = {name: place for place, name in enumerate(classes)}
    said = {
        probe: [number[row[probe]] for row in evidence.predictions]
        for probe in results.predicting(evidence.evaluation["contenders"][OURS])
    }
    data, pictures = mistakes(test, labels_of(test), said)
    return {"mistakes": data, "mistakes_sprite": pictures}


def _origin(evidence: Evidence) -> dict[str, Any]:
    settings, prepared = evidence.settings, evidence.prepared
    groups = {name: flatten(section) for name, section in settings.items() if flatten(section)}
    chain = {name: settings["augmentations"][name] for name in settings["views"]["chain"]}
    return {
        "parameters": groups,
        "run": evidence.run,
        "views_picture": evidence.views_picture,
        "views": settings["views"],
        "chain": chain,
        "examples": {name: len(split) for name, split in prepared.splits.items()},
        "data": next(out for out in evidence.outs if out.path == str(PREPARED)),
    }


def _pictures(
    evidence: Evidence, points: int, queries: int, neighbours: int, seed: int
) -> dict[str, Any]:
    splits, features = evidence.prepared.splits, evidence.features
    test, classes = splits["test"], evidence.evaluation["classes"]
    probe = next(iter(results.predicting(evidence.evaluation["contenders"][OURS])), None)
    said = None if probe is None else [row[probe] for row in evidence.predictions]
    wrong = [row[probe or "actual"] != row["actual"] for row in evidence.predictions]
    on_map = drawn(seed, "map", points, len(test))
    asked = drawn(seed, "queries", queries, len(test))
    missed = torch.tensor(wrong).nonzero()
    missed = missed[drawn(seed, "missed", queries, len(missed)), 0]
    return {
        "probe": entries.recorded(evidence.evaluation)[probe].words if probe else "",
        "map": map_data(test, features["test"].features, said, classes, on_map, seed),
        "sprite": map_sprite(test, on_map),
        "queries": neighbour_rows(splits, features, said, classes, asked, neighbours),
        "missed": neighbour_rows(splits, features, said, classes, missed, neighbours),
    }
