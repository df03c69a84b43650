"""What a finished pipeline leaves in a folder, without a pipeline."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.support.reports import report
from twinview.core import entries


def results(folder: Path, accuracy: float, name: str = "") -> str:
    """What a finished pipeline leaves; the name of the pretraining's run."""
    report(folder, linear=str(accuracy))
    own = name or f"pretraining-{accuracy}"
    task = {"accuracy": accuracy, "classes": {"a": {"recall": 0.9}, "b": {"recall": 0.25}}}
    few = {"accuracy": 0.7, "draws": [0.6, 0.7, 0.8]}
    raw = {"linear": {"accuracy": 0.84}, "labels_10": {"accuracy": 0.5}}
    contenders = {"encoder": {"linear": task, "labels_10": few}, "raw_pixels": raw}
    split = {"examples": 1200, "classes": {"a": 600, "b": 600}}
    card = {
        "source": "letters",
        "modality": "image",
        "shape": [1, 4, 4],
        "dtype": "uint8",
        "splits": {"train": split, "test": split},
        "duplicates": {"groups": 3, "groups_across_splits": 1},
    }
    run = {"run_id": own, "verdict": "healthy", "seconds": 90.0, "commit": "c" * 40}
    run |= {"changed": True, "hardware": "2 cores", "versions": "python 3.11"}
    declared = entries.to_json(
        entries.declared(
            {"classification": {"probes": ["linear"]}, "few_labels": {"per_class": [10]}}
        )
    )
    evaluation = {"protocol": "frozen-2", "entries": declared, "contenders": contenders}
    write(folder / "reports/evaluation.json", evaluation)
    write(folder / "reports/data/card.json", card)
    write(folder / "models/pretrain_run.json", run)
    (folder / "models/encoder").mkdir(exist_ok=True)
    weights = {"weight": torch.full((2,), accuracy)}
    save_file(weights, folder / "models/encoder/encoder.safetensors")
    return own


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
