"""Sweeps: DVC experiments that are run unless they exist, and the tables that are made of them.

A sweep may be interrupted and taken up again, on another day too: an experiment that DVC knows by
its name is not run again, and its name holds a digest of all settings.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from twinview import artifacts, experiments, measure, params, paths, registry
from twinview.measure import Scores
from twinview.params import Params
from twinview.types import Batch

COMMAND = "make sweep"
OURS, LONG = Path("params.yaml"), Path("recipes/long.yaml")
TASKS = {task: measure.TASKS[task] for task in ("linear", "knn", "labels_10")}
BASELINES = {
    prefix.removesuffix("."): text for prefix, text in measure.CONTENDERS.items() if prefix
}


@dataclass(frozen=True)
class Experiment:
    """One training: its label in the sweep, the settings that differ from ours, its name in DVC."""

    label: str
    changes: Mapping[str, Any]
    name: str

    @classmethod
    def of(cls, label: str, settings: Params, changes: Mapping[str, Any]) -> "Experiment":
        """Named by its label and a digest of all settings, ours and the differing ones."""
        everything = json.dumps([settings.model_dump(mode="json"), dict(changes)])
        digest = hashlib.sha256(everything.encode()).hexdigest()[:8]
        return cls(label, changes, f"{label.replace('_', '-')}-{digest}")

    def run(self) -> None:
        """Runs it up to its evaluation, unless DVC has it."""
        if experiments.base(self.name) is None:
            experiments.run(self.name, self.changes, "evaluate")

    def load(self, path: Path) -> Any:
        """What a JSON file of the experiment holds."""
        return json.loads(experiments.read(self.name, path))


def sweep(kind: str, epochs: int, seeds: int) -> None:
    """Compares all methods, or all objectives under siamese, and keeps what is known after each.

    Each encodes an example as often as SimCLR does in so many epochs. Writes reports/<kind>.md and
    the scoreboard.
    """
    experiments.require_committed(COMMAND)
    planned = list(plan(kind, params.load(OURS), epochs, seeds))
    for place, experiment in enumerate(planned, 1):
        print(f"{place} of {len(planned)}: {experiment.name}", flush=True)
        experiment.run()
        measure.keep(scores(kind, planned[:place]))
        Path(f"reports/{kind}.md").write_text(table(kind, planned[:place]), "utf-8")


def long(seeds: int) -> None:
    """Trains recipes/long.yaml for the scoreboard's long.*, with its minutes."""
    experiments.require_committed(COMMAND)
    settings = params.load(OURS)
    ours, theirs = (
        artifacts.flat(s.model_dump(mode="json")) for s in (settings, params.load(LONG))
    )
    changes = {key: value for key, value in theirs.items() if ours.get(key) != value}
    each = [changes | {"pretrain.seed": seed} for seed in range(seeds)]
    runs = [Experiment.of("long", settings, changed) for changed in each]
    for experiment in runs:
        experiment.run()
    minutes = [one.load(paths.PRETRAIN_RUN)["seconds"] / 60 for one in runs]
    taken = measure.score(minutes, "minutes", higher_is_better=False) | _origin(runs)
    measure.keep(scores("", runs) | {"long.minutes": taken})


def plan(kind: str, settings: Params, epochs: int, seeds: int) -> Iterator[Experiment]:
    """The experiments, seed by seed, so that one of each comes first."""
    passes = epochs * passes_of(settings, "simclr")
    chosen: dict[str, dict[str, Any]] = {}
    for label in registry.names(kind):
        if label == "siamese":  # its table is that of the objectives
            continue
        method = label if kind == "methods" else "siamese"
        changes = {} if kind == "methods" else {"methods.siamese.objective": label}
        share = max(1, round(passes / passes_of(settings, method)))
        chosen[label] = {"pretrain.method": method, "pretrain.epochs": share, **changes}
    for seed in range(seeds):
        for label, own in chosen.items():
            yield Experiment.of(label, settings, own | {"pretrain.seed": seed})


def passes_of(settings: Params, method: str) -> float:
    """How often a step of the method encodes an example, by the encoder or a slow copy of it.

    Small crops are not counted.
    """
    n, shape = 64, (1, 4, 4)
    head = settings.bound("heads", settings.pretrain.head)(math.prod(shape))
    made = settings.bound("methods", method)(_Counter(), head)
    _Counter.values = 0
    made.project(Batch(torch.randn(made.views, n, *shape), torch.arange(n) % 2, torch.arange(n)))
    return _Counter.values / (n * math.prod(shape))


class _Counter(nn.Module):
    """An encoder that counts, together with its copies, the values that it is shown."""

    values = 0

    def forward(self, views: Tensor) -> Tensor:
        """(v, n, ...) to (v, n, d)."""
        _Counter.values += views.numel()
        return views.flatten(2)


def scores(kind: str, runs: Sequence[Experiment]) -> Scores:
    """The scoreboard's entries, <kind>.<label>.<task>.accuracy."""
    return {
        f"{kind}.{label}.{task}.accuracy".removeprefix("."): entry | _origin(own)
        for label, own in _by_label(runs).items()
        for task, entry in _entries([one.load(paths.METRICS) for one in own]).items()
    }


def table(kind: str, runs: Sequence[Experiment]) -> str:
    """Labels by tasks in Markdown, the best linear probe first; then the baselines."""
    rows: dict[str, Scores] = {}
    for label, own in _by_label(runs).items():
        named = f"{label} ({own[0].changes['pretrain.epochs']} epochs)"
        rows[named] = _entries([one.load(paths.METRICS) for one in own])
    rows = dict(sorted(rows.items(), key=lambda row: row[1]["linear"]["value"], reverse=True))
    beside = [one.load(paths.BASELINE_METRICS) for one in runs if one.label == runs[0].label]
    rows |= {text: _entries([of[name] for of in beside]) for name, text in BASELINES.items()}
    cells = {label: list(map(measure.cell, entries.values())) for label, entries in rows.items()}
    return "\n".join([*measure.grid(kind, list(TASKS.values()), cells), ""])


def _entries(found: Sequence[Mapping[str, Any]]) -> Scores:
    """By task: mean and deviation of what the trainings of several seeds reached."""
    return {task: measure.score([of[task]["accuracy"] for of in found], "share") for task in TASKS}


def _by_label(runs: Sequence[Experiment]) -> dict[str, list[Experiment]]:
    found: dict[str, list[Experiment]] = {}
    for one in runs:
        found.setdefault(one.label, []).append(one)
    return found


def _origin(runs: Sequence[Experiment]) -> dict[str, str | None]:
    """Where an entry comes from: the command, and the commit of the last of its experiments."""
    return {"command": COMMAND, "commit": experiments.base(runs[-1].name)}
