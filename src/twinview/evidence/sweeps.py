"""Sweeps: DVC experiments that are run unless they exist, and the tables that are made of them.

A sweep may be interrupted and taken up again, on another day too: an experiment that DVC knows by
its name is not run again, and its name holds a digest of all settings and of the committed code.
"""

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from twinview.core import files, paths, registry
from twinview.core.commands import git
from twinview.core.errors import ConfigError
from twinview.core.types import Batch
from twinview.evidence import scoreboard
from twinview.evidence.scoreboard import Scores
from twinview.experiments import dvc_experiments, seeding
from twinview.experiments.provenance import hardware, versions
from twinview.settings import params
from twinview.settings.params import Params
from twinview.settings.sections import VALIDATION

COMMAND = "twinview sweep"
OURS, LONG = Path("params.yaml"), Path("recipes/long.yaml")
TASKS = {task: scoreboard.TASKS[task] for task in ("linear", "knn", "labels_10")}
SHOWN = {"evaluate.few_labels.per_class": [10], "evaluate.few_labels.propagation": None}
BASELINES = {
    prefix.removesuffix("."): text for prefix, text in scoreboard.CONTENDERS.items() if prefix
}


@dataclass(frozen=True)
class Experiment:
    """One training: its label in the sweep, the settings that differ from ours, its name in DVC."""

    label: str
    changes: Mapping[str, Any]
    name: str

    @classmethod
    def of(cls, label: str, settings: Params, changes: Mapping[str, Any]) -> "Experiment":
        """Named by its label, and a digest of the code and all settings, the differing ones too."""
        code = git("ls-tree", "HEAD", "src", "pipeline")
        everything = json.dumps([settings.model_dump(mode="json"), dict(changes), code])
        digest = hashlib.sha256(everything.encode()).hexdigest()[:8]
        return cls(label, changes, f"{label.replace('_', '-')}-{digest}")

    def run(self) -> None:
        """Runs it up to its evaluation, unless DVC has it."""
        if dvc_experiments.base(self.name) is None:
            dvc_experiments.run(self.name, self.changes, "evaluate")

    def load(self, path: Path) -> Any:
        """What a JSON file of the experiment holds."""
        return json.loads(dvc_experiments.read(self.name, path))


def sweep(kind: str, epochs: int, seeds: int, best: int | None = None) -> None:
    """Compares all methods, or all objectives under siamese, and keeps what is known after each.

    Each encodes an example as often as SimCLR does in so many epochs. best: seeds after the first
    are for so many, those that lead the table then. Writes reports/<kind>.md and the scoreboard.
    """
    _require(seeds)
    if best is not None and best < 1:
        raise ConfigError(f"{COMMAND} needs at least 1 that leads (--best), not {best}")
    command = (
        f"{COMMAND} {kind} --epochs {epochs} --seeds {seeds}{f' --best {best}' if best else ''}"
    )
    planned = list(plan(kind, params.load(OURS), epochs, seeds))
    labels = len(planned) // seeds
    total = labels + (seeds - 1) * min(best or labels, labels)
    done: list[Experiment] = []
    for experiment in _turns(planned, labels, best):
        done.append(experiment)
        print(f"{len(done)} of {total}: {experiment.name}", flush=True)
        experiment.run()
        scoreboard.keep(scores(kind, done, command))
        page = "\n".join([table(kind, done), "", note(done, command), ""])
        Path(f"reports/{kind}.md").write_text(page, "utf-8")


def _turns(planned: list[Experiment], labels: int, best: int | None) -> Iterator[Experiment]:
    """The first seed's; when these have run, of the other seeds those that are to go on.

    Those lead that the linear probe reads best on validation, so that test chooses nothing.
    """
    first, later = planned[:labels], planned[labels:]
    yield from first
    reached = {one.label: one.load(paths.METRICS)["linear"][VALIDATION] for one in first}
    leading = sorted(reached, key=reached.__getitem__, reverse=True)[:best]
    yield from (one for one in later if one.label in leading)


def long(seeds: int) -> None:
    """Trains recipes/long.yaml for the scoreboard's long.*, with its minutes, and the README."""
    _require(seeds)
    scoreboard.require_marks()
    command = f"{COMMAND} long --seeds {seeds}"
    settings = params.load(OURS)
    ours, theirs = (files.flat(s.model_dump(mode="json")) for s in (settings, params.load(LONG)))
    changes = {key: value for key, value in theirs.items() if ours.get(key) != value}
    each = [changes | seeded(seed) for seed in range(seeds)]
    runs = [Experiment.of("long", settings, changed) for changed in each]
    for experiment in runs:
        experiment.run()
    minutes = [one.load(paths.PRETRAIN_RUN)["seconds"] / 60 for one in runs]
    taken = scoreboard.score(minutes, "minutes", higher_is_better=False) | _origin(runs, command)
    scoreboard.keep(scores("", runs, command, scoreboard.TASKS) | {"long.minutes": taken})
    scoreboard.renew_readme()


def plan(kind: str, settings: Params, epochs: int, seeds: int) -> Iterator[Experiment]:
    """The experiments, seed by seed, so that one of each comes first.

    The supervised baseline is trained for as long as the first method, whose baselines are shown.
    Of few labels only what the table shows is found: evaluation takes as long as training.
    Raises ConfigError for epochs of SimCLR's that a method cannot spend.
    """
    labels = [name for name in registry.names(kind) if name != "siamese"]  # the objectives' own
    methods = {label: label if kind == "methods" else "siamese" for label in labels}
    own = shares(settings, set(methods.values()), epochs)
    for seed in range(seeds):
        for label, method in methods.items():
            changes = {"pretrain.method": method, "pretrain.epochs": own[method]}
            changes |= {} if kind == "methods" else {"methods.siamese.objective": label}
            changes |= SHOWN
            changes["baselines.supervised"] = own[method] == own[methods[labels[0]]]
            yield Experiment.of(label, settings, changes | seeded(seed))


def seeded(seed: int) -> dict[str, int]:
    """Encoder and baselines are trained anew, on the same data and with the same labels drawn."""
    return dict.fromkeys(seeding.SEEDS, seed)


def shares(settings: Params, methods: Collection[str], epochs: int) -> dict[str, int]:
    """Of each method, the epochs that encode an example as often as SimCLR's do.

    Raises ConfigError where they are no whole number, or end within the warm-up.
    """
    passes = {name: passes_of(settings, name) for name in methods}
    ours, warmup = passes_of(settings, "simclr"), settings.pretrain.warmup_epochs

    def fits(number: int, own: float) -> bool:
        return number * ours % own == 0 and number * ours / own > warmup

    for name, own in sorted(passes.items()):
        if not fits(epochs, own):
            near = next(n for n in count(epochs) if all(fits(n, each) for each in passes.values()))
            raise ConfigError(
                f"--epochs is {epochs}: {name} would train for {epochs * ours / own:g} epochs to "
                f"encode an example as often, and pretrain.warmup_epochs is {warmup:g}; the next "
                f"number that suits all is {near}"
            )
    return {name: int(epochs * ours / own) for name, own in passes.items()}


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


def scores(
    kind: str, runs: Sequence[Experiment], command: str, tasks: Collection[str] = TASKS
) -> Scores:
    """The scoreboard's entries, <kind>.<label>.<task>.accuracy."""
    return {
        f"{kind}.{label}.{task}.accuracy".removeprefix("."): entry | _origin(own, command)
        for label, own in _by_label(runs).items()
        for task, entry in _entries([one.load(paths.METRICS) for one in own], tasks).items()
    }


def table(kind: str, runs: Sequence[Experiment]) -> str:
    """Labels by tasks in Markdown, the best linear probe first; then the baselines."""
    rows: dict[str, Scores] = {}
    for label, own in _by_label(runs).items():
        named = f"{label} ({own[0].changes['pretrain.epochs']} epochs)"
        rows[named] = _entries([one.load(paths.METRICS) for one in own], TASKS)
    rows = dict(sorted(rows.items(), key=lambda row: row[1]["linear"]["value"], reverse=True))
    beside = [one.load(paths.BASELINE_METRICS) for one in runs if one.label == runs[0].label]
    rows |= {text: _entries([of[name] for of in beside], TASKS) for name, text in BASELINES.items()}
    cells = {label: list(map(scoreboard.cell, entries.values())) for label, entries in rows.items()}
    return "\n".join(scoreboard.grid(f"{kind}, accuracy on test", list(TASKS.values()), cells))


def note(runs: Sequence[Experiment], command: str) -> str:
    """What the table's numbers are of."""
    first, own, origin = runs[0], _by_label(runs), _origin(runs, command)
    n = " or ".join(map(str, sorted({len(trainings) for trainings in own.values()})))
    return (
        f"Means over training seeds (n = {n}), ± standard deviation where there are several. Each "
        "spends as many encoder passes as SimCLR does in the epochs that `--epochs` names; the "
        f"encoder with all labels is trained for as many steps as {first.label}. Options are "
        "params.yaml's, tuned for none but SimCLR. "
        f"`{command}` at commit `{str(origin['commit'])[:7]}`; written on {hardware()}; "
        f"{versions()}."
    )


def _entries(found: Sequence[Mapping[str, Any]], tasks: Collection[str]) -> Scores:
    """By task: mean and deviation of what the trainings of several seeds reached."""
    return {
        task: scoreboard.score([of[task]["accuracy"] for of in found], "share") for task in tasks
    }


def _by_label(runs: Sequence[Experiment]) -> dict[str, list[Experiment]]:
    found: dict[str, list[Experiment]] = {}
    for one in runs:
        found.setdefault(one.label, []).append(one)
    return found


def _origin(runs: Sequence[Experiment], command: str) -> dict[str, str | None]:
    """Where an entry comes from. The commit is the last experiment's; all have its code."""
    return {"command": command, "commit": dvc_experiments.base(runs[-1].name)}


def _require(seeds: int) -> None:
    """Raises ConfigError for a tree with changes, or nothing to train."""
    dvc_experiments.require_committed(COMMAND)
    if seeds < 1:
        raise ConfigError(f"{COMMAND} needs at least 1 seed, not {seeds}")
