"""The scoreboard: every number that the README claims, measured over several training seeds."""

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twinview.core import files, paths
from twinview.core.errors import ConfigError
from twinview.experiments import dvc_experiments, seeding
from twinview.experiments.provenance import commit, hardware
from twinview.settings import params

SCOREBOARD = Path("reports/scoreboard.json")
README = Path("README.md")
COMMAND = "twinview measure"
START, END = "<!-- scoreboard: written by twinview measure -->", "<!-- scoreboard ends -->"
TASKS = {
    "linear": "linear probe",
    "knn": "kNN",
    "labels_10": "10 labels a class",
    "labels_100": "100 labels a class",
    "propagated_10": "10 labels, propagated",
    "propagated_100": "100 labels, propagated",
}
CONTENDERS = {
    "": "**twinview, SimCLR**",
    "supervised.": "same encoder, all labels",
    "raw_pixels.": "raw pixels",
    "random_encoder.": "same encoder, random",
}
LONG = "SimCLR, wider and longer: `recipes/long.yaml`"

Scores = dict[str, dict[str, Any]]


def require_measurable(seeds: int) -> None:
    """Raises ConfigError for what would be found only after the trainings.

    That is a working tree that differs from the commit, too few seeds, a README without its marks,
    and settings of which the table's labels are not true.
    """
    dvc_experiments.require_committed(COMMAND)
    seeding.require_two_seeds(seeds, COMMAND)
    require_marks()
    if faults := _misnamed(params.load()):
        raise ConfigError(f"{COMMAND} is of the default recipe: {'; '.join(faults)}", faults)


def _misnamed(settings: params.Params) -> list[str]:
    """The settings of which the table's labels are not true, with what would be right."""
    few, probes = settings.evaluate.few_labels, settings.evaluate.probes
    wanted = (
        ("data.source", "fashion_mnist", settings.data.source == "fashion_mnist"),
        ("pretrain.method", "simclr", settings.pretrain.method == "simclr"),
        ("baselines.supervised", "true", settings.baselines.supervised),
        ("evaluate.probes", "linear and knn", {"linear", "knn"} <= set(probes)),
        ("evaluate.few_labels.per_class", "10, 100 and perhaps more",
         {10, 100} <= set(few.per_class)),
        ("evaluate.few_labels.propagation", "given", bool(few.propagation)),
    )  # fmt: skip
    return [f"{name} must be {value}" for name, value, holds in wanted if not holds]


def require_marks() -> None:
    """Raises ConfigError where the README has no place for the table."""
    if START not in (readme := README.read_text("utf-8")) or END not in readme:
        raise ConfigError(f"README.md lacks the marks {START} and {END}")


def measure(seeds: int) -> None:
    """Runs the pipeline once for each seed; writes the scoreboard and the README's table.

    Seed 0 is the plain pipeline, run from nothing and timed; the others are DVC experiments.
    A checkpoint would save time that is to be measured: there must be none.
    """
    started = time.monotonic()
    dvc_experiments.dvc("repro", "--force")
    minutes = (time.monotonic() - started) / 60
    trained = files.load_json(paths.PRETRAIN_RUN)["seconds"] / 60
    *_, known = seeding.train_seeds(seeds)
    scores = scoreboard(known.metrics)
    scores["repro.minutes"] = score([minutes], "minutes", higher_is_better=False)
    scores["speedrun.minutes"] = score([trained], "minutes", higher_is_better=False)
    keep(scores)
    renew_readme()


def scoreboard(metrics: Mapping[str, Sequence[float]]) -> Scores:
    """The scores of the tracked names: mean and standard deviation over training seeds."""
    scores = {
        f"{prefix}fashion_mnist.{task}.accuracy": score(
            metrics[f"{prefix}{task}.accuracy"], "share"
        )
        for prefix in CONTENDERS
        for task in TASKS
    }
    speedrun = {f"speedrun.{task}.accuracy": f"fashion_mnist.{task}.accuracy" for task in TASKS}
    return scores | {name: scores[same] for name, same in speedrun.items()}


def keep(scores: Scores, instead_of: str | None = None) -> None:
    """Writes scores into the scoreboard; others stay, but for names that begin with instead_of."""
    earlier = files.load_json(SCOREBOARD) if SCOREBOARD.exists() else {}
    if instead_of is not None:
        earlier = {k: own for k, own in earlier.items() if not k.startswith(instead_of)}
    files.save_json(SCOREBOARD, earlier | scores)


def renew_readme() -> None:
    """Makes the README's table of results anew from the scoreboard, which must have them."""
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
    """The README with its table made anew."""
    return between(readme, START, END, table(scores))


def between(page: str, start: str, end: str, text: str) -> str:
    """The page with another text between two of its marks."""
    before, _, rest = page.partition(start)
    _, found, after = rest.partition(end)
    assert found, f"the page lacks the marks {start} and {end}"
    return f"{before}{start}\n{text}\n{end}{after}"


def table(scores: Scores) -> str:
    """Contenders by tasks in Markdown, mean and standard deviation over training seeds."""
    tasks = {
        task: text for task, text in TASKS.items() if f"fashion_mnist.{task}.accuracy" in scores
    }
    named = {label: f"{prefix}fashion_mnist" for prefix, label in CONTENDERS.items()}
    if "long.minutes" in scores:
        named |= {LONG: "long"}
    rows = {
        label: [cell(scores[f"{name}.{task}.accuracy"]) for task in tasks]
        for label, name in named.items()
    }
    lines = grid("Fashion-MNIST, accuracy on test", list(tasks.values()), rows)
    return "\n".join([*lines, "", _caption(scores)])


def _caption(scores: Scores) -> str:
    """How the table's numbers were measured, and what that took."""
    one, minutes = scores["fashion_mnist.linear.accuracy"], scores["repro.minutes"]["value"]
    said = (
        f"Mean ± standard deviation over {one['n']} training seeds; `{one['command']}` at commit "
        f"`{one['commit'][:7]}`, {one['hardware']}. `dvc repro` from nothing took {minutes:.1f} "
        "minutes."
    )
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
    """An entry in a table: .914 ± .001, or .914 where there was one training."""
    numbers = [f"{entry[key]:.3f}" for key in ("value", "spread") if entry[key] is not None]
    return " ± ".join(numbers).replace("0.", ".")
