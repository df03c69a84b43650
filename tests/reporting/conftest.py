"""The stage outputs of a small made-up pipeline, and the page of it."""

import dataclasses
import math
from typing import Any

import pyarrow as pa
import pytest
import torch

from twinview.core import entries
from twinview.core.types import Split
from twinview.data.copies import EXACT
from twinview.data.examples import SCHEMA
from twinview.data.splits import Prepared
from twinview.evaluation import baselines
from twinview.evaluation.metrics import classification_metrics
from twinview.experiments.lock_file import Out
from twinview.reporting.inline import data_uri
from twinview.reporting.page import StageOutputs, page
from twinview.reporting.pictures import tile

CLASSES = ("<b>", "Tom & Jerry", "checks")
POINTS, QUERIES, NEIGHBOURS = 48, 5, 4


@pytest.fixture(scope="session")
def outputs(shapes: Prepared) -> StageOutputs:
    """What the stages would write of the shapes, two classes of which have awkward names."""
    prepared = dataclasses.replace(shapes, classes=CLASSES)
    test = prepared.splits["test"]
    assert test.labels is not None
    # Every fifth is wrong, each time in another way.
    wrong = torch.arange(len(test)) % 5 == 0
    said = (test.labels + wrong * (1 + torch.arange(len(test)) % 2)) % len(CLASSES)
    found = classification_metrics(test.labels, said, CLASSES)
    found |= {"chosen": {"C": 0.01}}
    found |= {"validation_accuracy": 0.8125}
    few = {"accuracy": 0.6543, "spread_over_draws": 0.0123, "draws": [0.64, 0.66, 0.67]}
    contender = {"linear": found, "knn": found | {"accuracy": 0.7654}, "labels_10": few}
    contender["labels_50"] = few | {"accuracy": 0.7012}
    weaker = {task: of | {"accuracy": of["accuracy"] - 0.1} for task, of in contender.items()}
    return StageOutputs(
        settings={
            "data": {"source": "shapes", "test": 96},
            "views": {"mode": "cached", "chain": ["rotation"], "cached": {"count": 8}},
            "pretrain": {"method": "simclr", "batch_size": 16, "epochs": 3, "seed": 0},
            "augmentations": {"rotation": {"probability": 0.5, "degrees": [-9, 9]}},
            "heads": {"identity": {}},
        },
        evaluation={
            "protocol": "frozen-4",
            "classes": list(CLASSES),
            "entries": entries.to_json(
                entries.declared(
                    {
                        "classification": {
                            "probes": ["linear", "knn"],
                            "measures": ["accuracy", "precision", "recall", "f1"],
                        },
                        "few_labels": {"per_class": [10, 50]},
                    }
                )
            ),
            "contenders": {"encoder": contender, "raw_pixels": weaker, "supervised": weaker},
        },
        predictions=[
            {"id": str(row_id), "actual": CLASSES[truth]}
            | {"linear": CLASSES[label], "knn": CLASSES[label]}
            for row_id, truth, label in torch.stack([test.ids, test.labels, said], 1).tolist()
        ],
        pretrained={"verdict": "healthy", "chance": math.log(31), "loss": 1.2345}
        | {"cosine_spread": 0.2, "effective_rank": 9.0, "alignment": 0.3, "uniformity": -2.0},
        steps=_rows("step", loss=2.0, learning_rate=0.001),
        epochs=_rows("epoch", cosine_spread=0.2, effective_rank=9, alignment=0.3, uniformity=-2),
        run={
            "commit": "0123abc", "changed": True, "experiment": "", "run_id": "feed",
            "seconds": 6.1, "examples_per_second": 1234, "device": "cpu",
            "hardware": "2 cores", "versions": "python 3.11",
            "processes": 1, "precision": "float32",
        },
        prepared=prepared,
        examples=examples_of(prepared),
        card={"source": "shapes", "notes": ["the class '<b>' lies in one group only"]},
        features=baselines.raw(prepared, {}),
        raw=baselines.raw(prepared, {}),
        views_picture=data_uri(tile(prepared.splits["train"].inputs[:4], 2)),
        outs=[
            Out("prepare", "data/prepared", 1_234_567, 4, "da7a.dir"),
            Out("pretrain", "models/encoder", 376_000, 2, "e2c0de.dir"),
        ],
        stage_seconds={"prepare": 12.0, "pretrain": 240.0},
    )  # fmt: skip


@pytest.fixture(scope="session")
def html(outputs: StageOutputs) -> str:
    return build(outputs)


def examples_of(prepared: Prepared) -> pa.Table:
    """The table of examples: seven broken files, a left-out copy, and a near pair in two splits."""
    none = dict.fromkeys(SCHEMA.names)
    train, test = (prepared.splits[name].ids.tolist() for name in ("train", "test"))
    rows = [
        none
        | {"id": row_id, "origin": f"shapes/{row_id}.png", "label": CLASSES[label], "split": name}
        | {"kind": "PNG", "width": 40 + row_id % 9, "height": 30, "status": "used"}
        | {"near_of": train[1] if row_id == test[5] else None}
        for name, split in prepared.splits.items()
        for row_id, label in zip(split.ids.tolist(), _labels(split), strict=True)
    ]
    left_out = none | {"status": "left_out"}
    rows += [
        left_out | {"id": n, "origin": f"<i>{n}.jpg", "reason": "broken JPEG", "detail": f"at {n}"}
        for n in range(7)
    ]
    copy = {"id": 7, "origin": "copy of 1.png", "kind": "PNG", "reason": EXACT}
    rows.append(left_out | copy | {"copy_of": train[1]})
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _labels(split: Split) -> list[int]:
    assert split.labels is not None
    labels: list[int] = split.labels.tolist()
    return labels


def build(outputs: StageOutputs) -> str:
    return page(outputs, points=POINTS, queries=QUERIES, neighbours=NEIGHBOURS, seed=0)


def _rows(x: str, **last: float) -> list[dict[str, Any]]:
    return [{x: str(n), **{k: str(v * n / 3) for k, v in last.items()}} for n in (1, 2, 3)]
