"""What a sweep has found so far: entries of the scoreboard, and a table in Markdown."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from twinview.evidence import scoreboard
from twinview.evidence.scoreboard import Scores
from twinview.evidence.sweep_experiment import Experiment
from twinview.experiments import dvc_experiments
from twinview.experiments.provenance import hardware, versions

TASKS = {task: scoreboard.TASKS[task] for task in ("linear", "knn", "labels_10")}
BASELINES = {
    prefix.removesuffix("."): text for prefix, text in scoreboard.CONTENDERS.items() if prefix
}


def scores(
    kind: str, runs: Sequence[Experiment], command: str, tasks: Collection[str] = TASKS
) -> Scores:
    """The scoreboard's entries, <kind>.<label>.<task>.accuracy."""
    return {
        f"{kind}.{label}.{task}.accuracy".removeprefix("."): entry | origin(own, command)
        for label, own in _by_label(runs).items()
        for task, entry in _entries([one.recorded.metrics for one in own], tasks).items()
    }


def table(kind: str, runs: Sequence[Experiment]) -> str:
    """Labels by tasks in Markdown, the best linear probe first; then the baselines."""
    rows: dict[str, Scores] = {}
    for label, own in _by_label(runs).items():
        named = f"{label} ({own[0].changes['pretrain.epochs']} epochs)"
        rows[named] = _entries([one.recorded.metrics for one in own], TASKS)
    rows = dict(sorted(rows.items(), key=lambda row: row[1]["linear"]["value"], reverse=True))
    beside = [one.recorded.baselines for one in runs if one.label == runs[0].label]
    rows |= {text: _entries([of[name] for of in beside], TASKS) for name, text in BASELINES.items()}
    cells = {label: list(map(scoreboard.cell, entries.values())) for label, entries in rows.items()}
    return "\n".join(scoreboard.grid(f"{kind}, accuracy on test", list(TASKS.values()), cells))


def note(runs: Sequence[Experiment], command: str) -> str:
    """What the table's numbers are of."""
    first, own, commit = runs[0], _by_label(runs), str(origin(runs, command)["commit"])
    n = " or ".join(map(str, sorted({len(trainings) for trainings in own.values()})))
    return (
        f"Means over training seeds (n = {n}), ± standard deviation where there are several. Each "
        "spends as many encoder passes as SimCLR does in the epochs that `--epochs` names; the "
        f"encoder with all labels is trained for as many steps as {first.label}. Options are "
        "params.yaml's, tuned for none but SimCLR. "
        f"`{command}` at commit `{commit[:7]}`; written on {hardware()}; "
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


def origin(runs: Sequence[Experiment], command: str) -> dict[str, str | None]:
    """Where an entry comes from. The commit is the last experiment's; all have its code."""
    return {"command": command, "commit": dvc_experiments.base_commit(runs[-1].name)}
