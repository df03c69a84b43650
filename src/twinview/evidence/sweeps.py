"""Sweeps: DVC experiments that run unless they exist, and the tables of their results.

An interrupted sweep can be continued at any time. An experiment that DVC knows by its name is not
run again. The name contains the identity of the training: the settings in effect and the committed
code.
"""

from collections.abc import Iterator
from pathlib import Path

from twinview.core import files, paths, registry
from twinview.core.errors import ConfigError, DataError
from twinview.evidence import scoreboard
from twinview.evidence.encoder_passes import shares
from twinview.evidence.sweep_experiment import Experiment
from twinview.evidence.sweep_tables import (
    LEADING,
    macro_scores,
    note,
    origin,
    picture_table,
    scores,
    table,
)
from twinview.experiments import dvc_experiments, identity
from twinview.settings import params, recipes
from twinview.settings.params import Params
from twinview.settings.sections import NONE

COMMAND = "twinview sweep"
BY_OBJECTIVE = "siamese"  # the method that is trained by each objective
OURS = Path("params.yaml")
PICTURES = ("clipart", "stamps")  # recipes whose macro F1 the scoreboard has
PICTURES_PAGE = Path("reports/pictures.md")
SHOWN = {
    "evaluate.tasks": ["classification", "few_labels"], "tasks.few_labels.per_class": [10],
}  # fmt: skip


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
    """The experiments of the first seed, then those of the other seeds for the leading labels.

    The leaders have the best linear probe on validation, so test chooses nothing.
    """
    first, later = planned[:labels], planned[labels:]
    yield from first
    reached = {one.label: _on_validation(one, LEADING) for one in first}
    leading = sorted(reached, key=reached.__getitem__, reverse=True)[:best]
    yield from (one for one in later if one.label in leading)


def long(seeds: int) -> None:
    """Trains recipes/long.yaml for the scoreboard's long.*, with its minutes, and the README."""
    _require(seeds)
    scoreboard.require_marks()
    command = f"{COMMAND} long --seeds {seeds}"
    runs = _trained("long", seeds)
    minutes = [_minutes(one) for one in runs]
    taken = scoreboard.score(minutes, "minutes", higher_is_better=False) | origin(runs, command)
    scoreboard.keep(scores("", runs, command, scoreboard.METRICS) | {"long.minutes": taken})
    scoreboard.renew_readme()


def pictures(recipe: str, seeds: int) -> None:
    """Trains a recipe of PICTURES for the scoreboard's pictures.<recipe>.*, beside baselines.

    Writes reports/pictures.md too, with all of these recipes that the scoreboard has.
    """
    _require(seeds)
    command = f"{COMMAND} {recipe} --seeds {seeds}"
    runs = _trained(recipe, seeds)
    minutes = scoreboard.score([*map(_minutes, runs)], "minutes", higher_is_better=False)
    taken = {f"pictures.{recipe}.minutes": minutes | origin(runs, command)}
    scoreboard.keep(macro_scores(recipe, runs, command) | taken)
    board = files.load_json(scoreboard.SCOREBOARD)
    tables = [
        picture_table(name, board) for name in PICTURES if f"pictures.{name}.minutes" in board
    ]
    PICTURES_PAGE.write_text("\n\n".join(tables) + "\n", "utf-8")


def _trained(recipe: str, seeds: int) -> list[Experiment]:
    """The experiments of a recipe, one a seed, when all have run."""
    settings, theirs = params.load(OURS), params.load(recipes.FOLDER / f"{recipe}.yaml")
    ours, wanted = (files.flatten(s.model_dump(mode="json")) for s in (settings, theirs))
    changes = {key: value for key, value in wanted.items() if ours.get(key) != value}
    runs = [Experiment.of(recipe, settings, changes | seeded(seed)) for seed in range(seeds)]
    for experiment in runs:
        experiment.run()
    return runs


def plan(kind: str, settings: Params, epochs: int, seeds: int) -> Iterator[Experiment]:
    """The experiments, seed by seed, so that one of each comes first.

    Of few labels only what the table shows is found: evaluation takes as long as training.
    Raises ConfigError for epochs of SimCLR's that a method cannot spend.
    """
    labels = [name for name in registry.names(kind) if kind == "objectives" or _by_itself(name)]
    methods = {label: label if kind == "methods" else BY_OBJECTIVE for label in labels}
    objective = NONE if kind == "methods" else labels[0]
    own = shares(_learning_by(objective, settings), set(methods.values()), epochs)
    for seed in range(seeds):
        for label, method in methods.items():
            changes = {"pretrain.method": method, "pretrain.epochs": own[method]}
            changes["pretrain.objective"] = NONE if kind == "methods" else label
            changes |= SHOWN
            yield Experiment.of(label, settings, changes | seeded(seed))


def _by_itself(method: str) -> bool:
    """Whether the method has its own loss; the tables show other methods by their objectives."""
    return not params.takes_objective(method)


def _learning_by(objective: str, settings: Params) -> Params:
    pretrain = settings.pretrain.model_copy(update={"objective": objective})
    return settings.model_copy(update={"pretrain": pretrain})


def seeded(seed: int) -> dict[str, int]:
    """The changes that train encoder and baselines with a seed; data and drawn labels stay."""
    return dict.fromkeys(identity.SEEDS, seed)


def _on_validation(one: Experiment, metric: str) -> float:
    return one.recorded.results[one.recorded.named[metric].validation]


def _minutes(one: Experiment) -> float:
    """The minutes of the training. Raises DataError when DVC's cache does not have them."""
    if (minutes := one.recorded.minutes) is None:
        raise DataError(
            f"DVC's cache has no {paths.PRETRAIN_RUN} of the experiment {one.name}; "
            f"`dvc exp remove {one.name}`, and run this again"
        )
    return minutes


def _require(seeds: int) -> None:
    """Raises ConfigError for a tree with changes, or for no seed."""
    dvc_experiments.require_committed(COMMAND)
    if seeds < 1:
        raise ConfigError(f"{COMMAND} needs at least 1 seed, not {seeds}")
