"""What a finished run left in a folder, at a commit, or in an experiment: settings and results.

`twinview show`, `compare`, `gate`, `promote`, `seeds` and the sweeps read runs through it.
"""

import functools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from twinview.core import paths
from twinview.core.errors import DataError, MissingError
from twinview.experiments import dvc_experiments, identity, lock_file, mappings, question, seeds
from twinview.experiments.differences import ABSENT, in_effect
from twinview.experiments.dvc_experiments import Read
from twinview.experiments.question import Question
from twinview.experiments.seeds import Seeds
from twinview.settings.dotted import value_at

PARAMS = Path("params.yaml")
WORKSPACE = "workspace"
_PROTOCOL = Path("src/twinview/evaluation/protocol.py")
_NAMED = re.compile(r'^PROTOCOL = "(.+)"$', re.MULTILINE)


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """A run's files, read when they are asked for, each once.

    Every part raises MissingError for a file that is not there, and DataError for a broken one.

    Parameters
    ----------
    name
        What the run is called: an experiment, a commit, a branch, or the workspace.
    read
        The text of one of the project's files, by its path in the project.
    cached
        The text that DVC's cache holds under a hash; None where it holds none.
    commit
        The commit that holds the files; empty for those of a folder.
    folder
        The folder that holds the files; None for those of a commit.
    """

    name: str
    read: Read = field(repr=False)
    cached: Callable[[str], str | None] = field(repr=False)
    commit: str = ""
    folder: Path | None = None

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The tree in params.yaml, not checked: a commit may be of an earlier version."""
        return mappings.parse_yaml(self.read(PARAMS), self._place(PARAMS))

    @cached_property
    def in_effect(self) -> dict[str, Any]:
        """The settings that its results depend on, by dotted name."""
        return in_effect(self.settings)

    @property
    def seed(self) -> int:
        """The seed of its training."""
        return int(value_at(self.settings, identity.SEEDS[0]))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The encoder's metrics, by task and measure."""
        return self._mapping(paths.METRICS)

    @cached_property
    def baselines(self) -> dict[str, Any]:
        """The baselines' metrics, by contender, task and measure."""
        return self._mapping(paths.BASELINE_METRICS)

    @cached_property
    def results(self) -> dict[str, float]:
        """All metrics by dotted name: linear.accuracy, raw_pixels.linear.accuracy and so on.

        Raises DataError for one that is no number.
        """
        ours = mappings.flatten_numbers(self.metrics, self._place(paths.METRICS))
        return ours | mappings.flatten_numbers(self.baselines, self._place(paths.BASELINE_METRICS))

    @cached_property
    def verdict(self) -> str:
        """The verdict on its training."""
        return str(self._mapping(paths.PRETRAIN_METRICS).get("verdict", ABSENT))

    @cached_property
    def lock(self) -> Mapping[str, Any]:
        """What dvc.lock states; no stages where there is none."""
        return lock_file.load(self.read)

    @cached_property
    def data(self) -> str | None:
        """The hash of the prepared data; None where DVC has recorded none.

        The settings name the source and a file of pairs, and not what these hold.
        """
        return lock_file.hash_of(self.lock, paths.PREPARED)

    @cached_property
    def code(self) -> dict[str, str]:
        """The hashes, by path, of the code that its results come from."""
        return lock_file.code(self.lock)

    @cached_property
    def outs(self) -> dict[str, int]:
        """The bytes of all that its stages made, by hash."""
        return lock_file.outs(self.lock)

    @cached_property
    def altered(self) -> str | None:
        """Why its reports are not those that the stages wrote; None: they are."""
        return lock_file.altered(self.lock, self.read)

    @cached_property
    def stale(self) -> str | None:
        """Why its results are not those of its settings; None: they are, or no dvc.lock tells."""
        if not self.lock["stages"]:
            return None
        return self.altered or lock_file.stale(self.lock, self.settings)

    @cached_property
    def edited(self) -> list[str]:
        """The files of code in its folder that are not what its results come from."""
        return [] if self.folder is None else lock_file.edited(self.lock, self.folder)

    @cached_property
    def minutes(self) -> float | None:
        """How long its training took; None where DVC's cache does not say, as in a fresh clone."""
        key = lock_file.hash_of(self.lock, paths.PRETRAIN_RUN)
        text = self.cached(key) if key else None
        return float(json.loads(text)["seconds"]) / 60 if text else None

    @cached_property
    def protocol(self) -> str | None:
        """The name of the protocol in its code; None where its code is not in git."""
        try:
            found = _NAMED.search(self.read(_PROTOCOL))
        except DataError:
            return None
        return found[1] if found else None

    @cached_property
    def question(self) -> Question:
        """What it was asked."""
        file = value_at(self.settings, "data.pairs")  # the folder's hash says nothing without one
        pairs = file and f"{file} {lock_file.hash_of_dep(self.lock, str(paths.LABELLED_PAIRS))}"
        return question.question(self.in_effect, self.data, pairs, self.protocol)

    @cached_property
    def answer(self) -> dict[str, Any]:
        """The settings in effect, but for the seeds and for what it was asked."""
        return identity.without_seeds(question.answer(self.in_effect))

    @cached_property
    def seeds_file(self) -> Seeds | None:
        """What reports/seeds.json holds, whatever it is of; None where there is none."""
        try:
            return seeds.parse(self.read(seeds.FILE), self._place(seeds.FILE))
        except MissingError:
            return None

    @cached_property
    def same_training(self) -> Seeds | None:
        """The seeds file where it is of this training, by settings, data and seed."""
        found = self.seeds_file
        if found is None or found.settings != identity.digest(self.in_effect, self.data):
            return None
        return found if self.seed in found.seeds else None

    @cached_property
    def seeds(self) -> Seeds | None:
        """The seeds file where it is of this training, and this run's results are among its own.

        It speaks for the metrics that it holds: it may be from before another was measured.
        """
        found = self.same_training
        kept = found.of_seed(self.seed) if found else {}
        return found if kept and kept.items() <= self.results.items() else None

    def _place(self, path: Path) -> Path:
        return path if self.folder is None else self.folder / path

    def _mapping(self, path: Path) -> dict[str, Any]:
        return mappings.parse_json(self.read(path), self._place(path))


def in_folder(folder: Path = Path()) -> RecordedRun:
    """The run whose results lie in a project's folder."""
    read = functools.cache(dvc_experiments.folder_reader(folder))
    return RecordedRun(WORKSPACE, read, dvc_experiments.read_cached, folder=folder)


def at(commit: str, name: str, kind: str = "commit") -> RecordedRun:
    """The run whose results git has at a commit. name, kind: as errors call it."""
    read = functools.cache(dvc_experiments.commit_reader(commit, f"the {kind} {name}"))
    return RecordedRun(name, read, dvc_experiments.read_cached, commit)


def of_experiment(name: str) -> RecordedRun:
    """The newest experiment of a name. Raises DataError where DVC has none."""
    commit = dvc_experiments.result_commit(name)
    if commit is None:
        raise DataError(f"DVC has no experiment {name}; `dvc exp show` lists what there is")
    return at(commit, name, "experiment")
