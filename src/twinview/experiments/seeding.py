"""`twinview seeds`: trains with further seeds and writes the results into reports/seeds.json."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from twinview.core import files
from twinview.core.errors import ConfigError, DataError
from twinview.experiments import dvc_experiments, identity, recorded_run
from twinview.experiments.provenance import hardware, versions
from twinview.experiments.recorded_run import RecordedRun
from twinview.experiments.seeds import COMMAND, FILE, Seeds
from twinview.settings.dotted import value_at


def run(count: int) -> Seeds:
    """Runs the pipeline, then DVC experiments with further seeds: `count` trainings in total.

    reports/seeds.json is written after each training. An experiment that exists is not run again.
    Raises ConfigError for fewer than two seeds, and for a working tree with changes.
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
    """The content of reports/seeds.json after each training; the folder has the first training."""
    here = recorded_run.in_folder()
    training = identity.digest(here.in_effect, here.data)
    first = [value_at(here.settings, key) for key in identity.SEEDS]
    results = [here.results]
    for step in range(count):
        if step:
            seeds = [seed + step for seed in first]
            changes = dict(zip(identity.SEEDS, seeds, strict=True))
            results.append(_experiment(_name(here, seeds[0]), changes))
        metrics = {key: tuple(values[key] for values in results) for key in results[0]}
        trained = tuple(range(first[0], first[0] + step + 1))
        content = Seeds(training, trained, metrics, hardware(), versions())
        files.save_json(FILE, asdict(content))
        yield content


def trained_runs(trained: Seeds) -> list[RecordedRun]:
    """The run of each seed after `run`; the folder has the first."""
    here = recorded_run.in_folder()
    experiments = (_name(here, seed) for seed in trained.seeds[1:])
    return [here, *map(recorded_run.of_experiment, experiments)]


def _name(here: RecordedRun, seed: int) -> str:
    """The name of the experiment with a seed."""
    return f"seed-{seed}-{identity.digest(here.in_effect, here.data, here.code)[:8]}"


def _experiment(name: str, changes: Mapping[str, int]) -> dict[str, float]:
    """The results of an experiment, which is run unless it exists."""
    if dvc_experiments.result_commit(name) is None:
        print(f"twinview: {name}", flush=True)
        dvc_experiments.run(name, changes)
    if dvc_experiments.result_commit(name) is None:
        raise DataError(
            f"DVC kept nothing of the experiment {name}, as happens in a shallow clone; "
            "run `git fetch --unshallow`"
        )
    return recorded_run.of_experiment(name).results
