"""The results of a sweep so far: entries of the scoreboard, and a table in Markdown."""

from collections.abc import Collection, Sequence

from twinview.core.counts import counted
from twinview.evidence import scoreboard
from twinview.evidence.scoreboard import Scores
from twinview.evidence.sweep_experiment import Experiment
from twinview.experiments import dvc_experiments
from twinview.experiments.metric_names import of_baseline
from twinview.experiments.provenance import hardware, versions

LEADING = "linear.accuracy"  # the metric that orders a table
METRICS = {
    name: scoreboard.METRICS[name] for name in (LEADING, "knn.accuracy", "labels_10.accuracy")
}
BASELINES = {
    prefix.removesuffix("."): text for prefix, text in scoreboard.CONTENDERS.items() if prefix
}
_UNLABELLED = {k: text for k, text in scoreboard.CONTENDERS.items() if k != "supervised."}
_PROBES = {"linear": "linear probe", "knn": "kNN"}


def scores(
    kind: str, runs: Sequence[Experiment], command: str, metrics: Collection[str] = METRICS
) -> Scores:
    """The scoreboard's entries, <kind>.<label>.<metric>."""
    return {
        f"{kind}.{label}.{metric}".removeprefix("."): entry | origin(own, command)
        for label, own in _by_label(runs).items()
        for metric, entry in _entries(own, metrics).items()
    }


def macro_scores(recipe: str, runs: Sequence[Experiment], command: str) -> Scores:
    """The macro F1 of both probes for the encoder and for its baselines without labels.

    The names are pictures.<recipe>.<probe>.macro_f1, with the baseline in front.
    """
    return {
        f"{prefix}pictures.{recipe}.{probe}.macro_f1": entry | origin(runs, command)
        for prefix in _UNLABELLED
        for probe in _PROBES
        for entry in _entries(runs, [f"{probe}.f1"], prefix.removesuffix(".")).values()
    }


def picture_table(recipe: str, board: Scores) -> str:
    """Contenders by probes in Markdown, from the scoreboard, and how they were measured."""
    rows = {
        text: [
            scoreboard.cell(board[f"{prefix}pictures.{recipe}.{name}.macro_f1"]) for name in _PROBES
        ]
        for prefix, text in _UNLABELLED.items()
    }
    minutes = board[f"pictures.{recipe}.minutes"]
    said = f"{scoreboard.seeds_caption(minutes)} A training takes {minutes['value']:.0f} minutes."
    lines = scoreboard.grid(f"{recipe}, macro F1 on test", list(_PROBES.values()), rows)
    return "\n".join([*lines, "", said])


def table(kind: str, runs: Sequence[Experiment]) -> str:
    """Labels by metrics in Markdown, the best linear probe first; then the baselines."""
    rows: dict[str, Scores] = {}
    for label, own in _by_label(runs).items():
        named = f"{label} ({counted(own[0].changes['pretrain.epochs'], 'epoch')})"
        rows[named] = _entries(own, METRICS)
    rows = dict(sorted(rows.items(), key=lambda row: row[1][LEADING]["value"], reverse=True))
    beside = [one for one in runs if one.label == runs[0].label]
    rows |= {text: _entries(beside, METRICS, name) for name, text in BASELINES.items()}
    cells = {label: list(map(scoreboard.cell, entries.values())) for label, entries in rows.items()}
    return "\n".join(scoreboard.grid(f"{kind}, accuracy on test", list(METRICS.values()), cells))


def note(runs: Sequence[Experiment], command: str) -> str:
    """How the table's numbers were measured."""
    own, commit = _by_label(runs), str(origin(runs, command)["commit"])
    n = " or ".join(map(str, sorted({len(trainings) for trainings in own.values()})))
    return (
        f"Means over training seeds (n = {n}), ± standard deviation where there are several. Each "
        "spends as many encoder passes as SimCLR does in the epochs that `--epochs` names; the "
        "encoder with all labels has a budget of its own (`baselines` in params.yaml). Options are "
        "params.yaml's, tuned for none but SimCLR. "
        f"`{command}` at commit `{commit[:7]}`; written on {hardware()}; "
        f"{versions()}."
    )


def _entries(runs: Sequence[Experiment], metrics: Collection[str], baseline: str = "") -> Scores:
    """By metric: mean and deviation of what the trainings of several seeds reached."""
    found = [one.recorded.results for one in runs]
    names = {name: of_baseline(baseline, name) if baseline else name for name in metrics}
    return {
        metric: scoreboard.score([of[name] for of in found], "share")
        for metric, name in names.items()
    }


def _by_label(runs: Sequence[Experiment]) -> dict[str, list[Experiment]]:
    found: dict[str, list[Experiment]] = {}
    for one in runs:
        found.setdefault(one.label, []).append(one)
    return found


def origin(runs: Sequence[Experiment], command: str) -> dict[str, str | None]:
    """The origin of an entry. The commit is the last experiment's; all have the same code."""
    return {"command": command, "commit": dvc_experiments.base_commit(runs[-1].name)}
