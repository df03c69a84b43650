"""Results over several training seeds: trained, kept in reports/seeds.json, fitted to a run.

The file is no out of DVC's: it holds results of several runs, {"settings": digest, "seeds": [...],
"metrics": {name: [a value for each seed]}, "hardware": ..., "versions": ...}. It speaks for a run
where it is of the same settings but for the seeds, of the same data, and where the run's own
results are among those that it holds. Another kind of processor rounds otherwise, and so trains
another encoder: `deviation` says how far from it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from twinview.core import files, paths
from twinview.core.errors import ConfigError, DataError, MissingError
from twinview.experiments import dvc_experiments, lock_file
from twinview.experiments.differences import in_effect
from twinview.experiments.dvc_experiments import Read
from twinview.experiments.intervals import Interval, interval, prediction
from twinview.experiments.lock_file import value_at
from twinview.experiments.provenance import hardware, versions

FILE = Path("reports/seeds.json")
PARAMS = Path("params.yaml")
COMMAND = "twinview seeds"

# Of the encoder's training, and of the baselines': what two trainings may differ in that are alike.
# The other seeds (of the split, the label draws, the cached views) say what is asked, or of what.
SEEDS = ("pretrain.seed", "baselines.seed")


@dataclass(frozen=True)
class Seeds:
    """settings: the digest of all but the seeds, and of the data.

    metrics: by the names of `results`, a value for each of the seeds. hardware, versions: of the
    machine that measured, see provenance; a file of an earlier commit does not name them.
    """

    settings: str
    seeds: tuple[int, ...]
    metrics: Mapping[str, tuple[float, ...]]
    hardware: str = "hardware that it does not name"
    versions: str = "versions that it does not name"

    def interval(self, name: str) -> Interval:
        """The mean over the seeds, with its interval."""
        return interval(self.metrics[name])

    def of_seed(self, seed: int) -> dict[str, float]:
        """The metrics of one of the seeds."""
        place = self.seeds.index(seed)
        return {name: values[place] for name, values in self.metrics.items()}


@dataclass(frozen=True)
class Deviation:
    """How far a run is from the same training in reports/seeds.json, where its results differ.

    gaps: the run's value less the file's, of the encoder's accuracies. beyond: the names of those
    that lie outside of the 95 % prediction interval for one more seed; None where the file holds
    one seed, which has no spread.
    """

    known: Seeds
    gaps: Mapping[str, float]
    beyond: tuple[str, ...] | None


def fitting(read: Read) -> Seeds | None:
    """What reports/seeds.json says of the settings and the results beside it, if it is of them.

    It speaks for the metrics that it holds: it may be from before another was measured.
    read: files of a folder or a commit, see experiments.in_folder and experiments.at. None: there
    is no such file, or it is of others. Raises DataError for a broken one.
    """
    found = _of_the_same(read)
    kept = found.of_seed(_seed(read)) if found else {}
    return found if kept and kept.items() <= results(read).items() else None


def deviation(read: Read) -> Deviation | None:
    """How far the results are from reports/seeds.json, which holds the same training.

    None: there is no such file, it is of other settings or data, or it fits (see `fitting`).
    """
    found = _of_the_same(read)
    if found is None or fitting(read):
        return None
    own, kept = results(read), found.of_seed(_seed(read))
    shared = [name for name in own if name in kept and is_our_accuracy(name)]
    if not shared:
        return None
    gaps = {name: own[name] - kept[name] for name in shared}
    beyond = [name for name in shared if not _expected(own[name], found.metrics[name])]
    return Deviation(found, gaps, tuple(beyond) if len(found.seeds) > 1 else None)


def _of_the_same(read: Read) -> Seeds | None:
    """The file's content where it is of the same settings and data, and has the run's seed."""
    found = load(read)
    if found is None or found.settings != digest(settings(read), data(read)):
        return None
    return found if _seed(read) in found.seeds else None


def _seed(read: Read) -> int:
    return int(value_at(settings(read), SEEDS[0]))


def is_our_accuracy(name: str) -> bool:
    """Whether a metric is the encoder's accuracy in a task: baselines' names have three parts."""
    return name.count(".") == 1 and name.endswith(".accuracy")


def _expected(value: float, others: Sequence[float]) -> bool:
    """Whether a value lies where one more seed would, 95 times in 100."""
    low, high = prediction(others)
    return low <= value <= high


def load(read: Read) -> Seeds | None:
    """What reports/seeds.json holds, whatever it is of. Raises DataError for a broken file."""
    try:
        found = TypeAdapter(Seeds).validate_json(read(FILE))
    except MissingError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise DataError(
            f"{FILE} is broken ({where}: {first['msg']}); `{COMMAND}` writes it anew"
        ) from None
    short = [name for name, values in found.metrics.items() if len(values) != len(found.seeds)]
    if short or not found.seeds:
        raise DataError(
            f"{FILE} is broken: not a value for each of the seeds {list(found.seeds)} "
            f"({', '.join(short[:3])}); `{COMMAND}` writes it anew"
        )
    return found


def run(count: int) -> Seeds:
    """Runs the pipeline, then DVC experiments with further seeds: count trainings in all.

    Keeps reports/seeds.json after each. An experiment that there is already is not run again.
    Raises ConfigError for a count without a spread, or a working tree that is not committed.
    """
    require_spread(count, COMMAND)
    dvc_experiments.require_git(COMMAND)
    dvc_experiments.require_committed(COMMAND)
    dvc_experiments.dvc("repro")
    *_, last = gathered(count)
    return last


def require_spread(count: int, command: str) -> None:
    """Raises ConfigError for fewer than two seeds."""
    if count < 2:
        raise ConfigError(f"{command} needs at least 2 seeds for a spread, not {count}")


def gathered(count: int) -> Iterator[Seeds]:
    """What is known after each training; the first is the folder's own, which has been run."""
    here = dvc_experiments.in_folder(Path())
    tree, prepared, code = settings(here), data(here), lock_file.code(lock_file.load(here))
    name = f"seed-{{}}-{digest(tree, prepared, code)[:8]}"
    first = [value_at(tree, key) for key in SEEDS]
    found = [results(here)]
    for place in range(count):
        if place:
            changes = {key: seed + place for key, seed in zip(SEEDS, first, strict=True)}
            found.append(_experiment(name.format(first[0] + place), changes))
        seeds = tuple(first[0] + at for at in range(place + 1))
        metrics = {key: tuple(one[key] for one in found) for key in found[0]}
        known = Seeds(digest(tree, prepared), seeds, metrics, hardware(), versions())
        files.save_json(FILE, asdict(known))
        yield known


def _experiment(name: str, changes: Mapping[str, int]) -> dict[str, float]:
    """The results of an experiment, which is run unless DVC has it."""
    if dvc_experiments.made(name) is None:
        print(f"twinview: {name}", flush=True)
        dvc_experiments.run(name, changes)
    made = dvc_experiments.made(name)
    if made is None:
        raise DataError(
            f"DVC kept nothing of the experiment {name}; in a shallow clone it does not: "
            "`git fetch --unshallow` mends it"
        )
    return results(dvc_experiments.at(made, f"the experiment {name}"))


def results(read: Read) -> dict[str, float]:
    """The metrics of one run: linear.accuracy, raw_pixels.linear.accuracy and so on.

    Raises DataError for what is no number.
    """
    found = {}
    for path in (paths.METRICS, paths.BASELINE_METRICS):
        for name, value in files.flatten(mapping(read, path)).items():
            if type(value) not in (int, float):
                raise DataError(
                    f"{path}: {name} is {value!r}, no number; `dvc repro` makes it anew"
                )
            found[name] = value
    return found


def settings(read: Read) -> dict[str, Any]:
    """What params.yaml states, as a tree, not checked: a commit may be of an earlier version."""
    return yaml(read, PARAMS)


def data(read: Read) -> str | None:
    """DVC's hash of the prepared data; None where DVC has recorded none.

    The settings name the source and a file of pairs, and not what these hold.
    """
    return lock_file.hash_of(lock_file.load(read), paths.PREPARED)


def mapping(read: Read, path: Path) -> dict[str, Any]:
    """What a JSON file holds by name. Raises DataError for anything else, as after a conflict."""
    try:
        found = json.loads(read(path))
    except ValueError as error:
        raise DataError(f"{path} is not valid JSON ({error}); `dvc repro` makes it anew") from None
    if not isinstance(found, dict):
        raise DataError(f"{path} holds nothing by name; `dvc repro` makes it anew")
    return found


def yaml(read: Read, path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises DataError for anything else."""
    try:
        found = YAML(typ="safe").load(read(path))
    except YAMLError as error:
        raise DataError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(found, dict):
        raise DataError(f"{path} states no settings")
    return found


def digest(tree: Mapping[str, Any], data: str | None, *others: Mapping[str, str]) -> str:
    """Of all settings that the results depend on, but for the seeds; of the data; and of others."""
    own = {key: value for key, value in in_effect(tree).items() if key not in SEEDS}
    text = json.dumps([own, data, *others], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
