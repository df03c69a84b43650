"""The scoreboard: every number that the README claims, measured over several training seeds."""

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twinview.core import entries, files, paths
from twinview.core.errors import ConfigError
from twinview.experiments import dvc_experiments, seeding
from twinview.experiments.provenance import commit, hardware
from twinview.settings import params
from twinview.stages import outlook

SCOREBOARD = Path("reports/scoreboard.json")
README = Path("README.md")
COMMAND = "twinview measure"
START, END = "<!-- scoreboard: written by twinview measure -->", "<!-- scoreboard ends -->"
METRICS = {
    "linear.accuracy": "linear probe",
    "knn.accuracy": "kNN",
    "labels_10.accuracy": "10 labels a class",
    "labels_100.accuracy": "100 labels a class",
    "propagated_10.accuracy": "10 labels, propagated",
    "propagated_100.accuracy": "100 labels, propagated",
}
CONTENDERS = {
    "": "**twinview, SimCLR**",
    "supervised.": "same encoder, all labels",
    "raw_pixels.": "raw pixels",
    "random_encoder.": "same encoder, random",
}
FEW = "propagated_10.accuracy"  # what the README recommends for 10 labels a class
LONG = "SimCLR, wider and longer: `recipes/long.yaml`"

Scores = dict[str, dict[str, Any]]


def require_measurable(seeds: int) -> None:
    """Raises ConfigError for faults that would otherwise appear after the trainings.

    These are a working tree that differs from the commit, too few seeds, a README without its
    marks, and settings that do not fit the table's labels.
    """
    dvc_experiments.require_committed(COMMAND)
    seeding.require_two_seeds(seeds, COMMAND)
    require_marks()
    if faults := _misnamed(params.load()):
        raise ConfigError(f"{COMMAND} is of the default recipe: {'; '.join(faults)}", faults)


def _misnamed(settings: params.Params) -> list[str]:
    """The settings of which the table's labels are not true, with what would be right."""
    tasks = {name: settings.tasks[name] for name in settings.evaluate.tasks}
    measured = {
        f"{name}.{measure}"
        for name, entry in entries.declared(tasks).items()
        for measure in entry.measures
    }
    lacking = [name for name in METRICS if name not in measured]
    wanted = (
        ("data.source", "fashion_mnist", settings.data.source == "fashion_mnist"),
        ("pretrain.method", "simclr", settings.pretrain.method == "simclr"),
        ("baselines.supervised", "true", settings.baselines.supervised),
        ("evaluate.tasks", f"such that there is {', '.join(lacking)}", not lacking),
    )  # fmt: skip
    return [f"{name} must be {value}" for name, value, holds in wanted if not holds]


def require_marks() -> None:
    """Raises ConfigError when the README has no place for the table."""
    if START not in (readme := README.read_text("utf-8")) or END not in readme:
        raise ConfigError(f"README.md lacks the marks {START} and {END}")


def measure(seeds: int) -> None:
    """Runs the pipeline once for each seed; writes the scoreboard and the README's table.

    Seed 0 is the pipeline itself, run from nothing and timed; the others are DVC experiments.
    There must be no checkpoint, since it would shorten the measured time.
    """
    started = time.monotonic()
    dvc_experiments.dvc("repro", "--force")
    minutes = (time.monotonic() - started) / 60
    trained = files.load_json(paths.PRETRAIN_RUN)["seconds"] / 60
    taken = outlook.taken()
    evaluated = sum(taken[stage] for stage in ("evaluate_baselines", "evaluate")) / 60
    *_, known = seeding.train_seeds(seeds)
    times = {"repro": minutes, "evaluation": evaluated, "speedrun": trained}
    keep(
        scoreboard(known.metrics)
        | {
            f"{name}.minutes": score([value], "minutes", higher_is_better=False)
            for name, value in times.items()
        }
    )
    renew_readme()


def scoreboard(metrics: Mapping[str, Sequence[float]]) -> Scores:
    """The scores of the tracked names: mean and standard deviation over training seeds."""
    scores = {
        f"{prefix}fashion_mnist.{metric}": score(metrics[f"{prefix}{metric}"], "share")
        for prefix in CONTENDERS
        for metric in METRICS
    }
    speedrun = {f"speedrun.{metric}": f"fashion_mnist.{metric}" for metric in METRICS}
    speedrun |= {
        f"{prefix}speedrun.few_10.accuracy": f"{prefix}fashion_mnist.{FEW}" for prefix in CONTENDERS
    }
    return scores | {name: scores[same] for name, same in speedrun.items()}


def keep(scores: Scores, instead_of: str | None = None) -> None:
    """Writes scores into the scoreboard. Others stay, unless their names begin with instead_of."""
    earlier = files.load_json(SCOREBOARD) if SCOREBOARD.exists() else {}
    if instead_of is not None:
        earlier = {k: own for k, own in earlier.items() if not k.startswith(instead_of)}
    files.save_json(SCOREBOARD, earlier | scores)


def renew_readme() -> None:
    """Writes the README's table of results from the scoreboard, which must have the numbers."""
    board = files.load_json(SCOREBOARD)
    README.write_text(with_table(README.read_text("utf-8"), board), "utf-8")


def score(values: Sequence[float], unit: str, higher_is_better: bool = True) -> dict[str, Any]:
    """One entry of the scoreboard; the spread of a single value is null."""
    return {
        "value": round(statistics.fmean(values), 6),
        "spread": round(statistics.stdev(values), 6) if len(values) > 1 else None,
        "n": len(values),
        "unit": unit,
        "higher_is_better": higher_is_better,
        "command": COMMAND,
        "commit": commit(),
        "hardware": hardware(),
    }


def with_table(readme: str, scores: Scores) -> str:
    """The README with a new table."""
    return between(readme, START, END, table(scores))


def between(page: str, start: str, end: str, text: str) -> str:
    """The page with another text between two marks."""
    before, _, rest = page.partition(start)
    _, found, after = rest.partition(end)
    assert found, f"the page lacks the marks {start} and {end}"
    return f"{before}{start}\n{text}\n{end}{after}"


def table(scores: Scores) -> str:
    """Contenders by metrics in Markdown, mean and standard deviation over training seeds."""
    shown = {name: text for name, text in METRICS.items() if f"fashion_mnist.{name}" in scores}
    named = {label: f"{prefix}fashion_mnist" for prefix, label in CONTENDERS.items()}
    if "long.minutes" in scores:
        named |= {LONG: "long"}
    rows = {
        label: [cell(scores[f"{name}.{metric}"]) for metric in shown]
        for label, name in named.items()
    }
    lines = grid("Fashion-MNIST, accuracy on test", list(shown.values()), rows)
    return "\n".join([*lines, "", _caption(scores)])


def seeds_caption(entry: Mapping[str, Any]) -> str:
    """How an entry was measured, and over how many training seeds."""
    return (
        f"Mean ± standard deviation over {entry['n']} training seeds; `{entry['command']}` at "
        f"commit `{entry['commit'][:7]}`, {entry['hardware']}."
    )


def _caption(scores: Scores) -> str:
    """How the table's numbers were measured, and how long that took."""
    one, minutes = scores["fashion_mnist.linear.accuracy"], scores["repro.minutes"]["value"]
    said = f"{seeds_caption(one)} `dvc repro` from nothing took {minutes:.1f} minutes."
    if long := scores.get("long.minutes"):
        said += f" The longer recipe trained for {long['value']:.0f} minutes (n = {long['n']})."
    return said


def grid(title: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown: labels by columns."""
    lines = [f"| {title} | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for label, cells in rows.items():
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return lines


def cell(entry: Mapping[str, Any]) -> str:
    """An entry of a table, such as .914 ± .001, or .914 for one training."""
    numbers = [f"{entry[key]:.3f}" for key in ("value", "spread") if entry[key] is not None]
    return " ± ".join(numbers).replace("0.", ".")
