"""`twinview seeds`: trains with further seeds, and keeps the results in reports/seeds.json."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from twinview.core import files
from twinview.core.errors import ConfigError, DataError
from twinview.experiments import dvc_experiments, identity, recorded_run
from twinview.experiments.lock_file import value_at
from twinview.experiments.provenance import hardware, versions
from twinview.experiments.seeds import COMMAND, FILE, Seeds


def run(count: int) -> Seeds:
    """Runs the pipeline, then DVC experiments with further seeds: count trainings in all.

    Keeps reports/seeds.json after each. An experiment that there is already is not run again.
    Raises ConfigError for a count without a spread, or a working tree that is not committed.
    """
    require_two_seeds(count, COMMAND)
    dvc_experiments.require_committed(COMMAND)
    dvc_experiments.dvc("repro")
    *_, last = train_seeds(count)
    return last


def require_two_seeds(count: int, command: str) -> None:
    """Raises ConfigError for fewer than two seeds."""
    if count < 2:
        raise ConfigError(f"{command} needs at least 2 seeds for a spread, not {count}")


def train_seeds(count: int) -> Iterator[Seeds]:
    """What is known after each training; the first is the folder's own, which has been run."""
    here = recorded_run.in_folder()
    training = identity.digest(here.in_effect, here.data)
    name = f"seed-{{}}-{identity.digest(here.in_effect, here.data, here.code)[:8]}"
    first = [value_at(here.settings, key) for key in identity.SEEDS]
    found = [here.results]
    for place in range(count):
        if place:
            seeds = [seed + place for seed in first]
            changes = dict(zip(identity.SEEDS, seeds, strict=True))
            found.append(_experiment(name.format(seeds[0]), changes))
        metrics = {key: tuple(one[key] for one in found) for key in found[0]}
        trained = tuple(range(first[0], first[0] + place + 1))
        known = Seeds(training, trained, metrics, hardware(), versions())
        files.save_json(FILE, asdict(known))
        yield known


def _experiment(name: str, changes: Mapping[str, int]) -> dict[str, float]:
    """The results of an experiment, which is run unless DVC has it."""
    if dvc_experiments.result_commit(name) is None:
        print(f"twinview: {name}", flush=True)
        dvc_experiments.run(name, changes)
    if dvc_experiments.result_commit(name) is None:
        raise DataError(
            f"DVC kept nothing of the experiment {name}; in a shallow clone it does not: "
            "`git fetch --unshallow` mends it"
        )
    return recorded_run.of_experiment(name).results
