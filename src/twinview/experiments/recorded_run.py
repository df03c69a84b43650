"""The settings and results of a finished run: in a folder, at a commit, or of an experiment.

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

from twinview.core import dvc_lock, entries, paths
from twinview.core.dvc_lock import Read
from twinview.core.entries import Entry
from twinview.core.errors import DataError, MissingError
from twinview.experiments import (
    dvc_experiments,
    identity,
    lock_file,
    mappings,
    metric_names,
    question,
    seeds,
)
from twinview.experiments.differences import ABSENT, in_effect
from twinview.experiments.metric_names import Metric
from twinview.experiments.question import Question
from twinview.experiments.seeds import Seeds
from twinview.settings import renamed
from twinview.settings.dotted import value_at

PARAMS = Path("params.yaml")
WORKSPACE = "workspace"
_PROTOCOL = Path("src/twinview/evaluation/protocol.py")
_NAMED = re.compile(r'^PROTOCOL = "(.+)"$', re.MULTILINE)


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """The files of a run. Each is read once, when it is first needed.

    Every attribute raises MissingError for a missing file, and DataError for a broken one.

    Parameters
    ----------
    name
        What the run is called: an experiment, a commit, a branch, or the workspace.
    read
        The text of one of the project's files, by its path in the project.
    cached
        Returns the text that DVC's cache holds under a hash, or None.
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
        """The tree in params.yaml, unchecked, since a commit may be of an earlier version."""
        return mappings.parse_yaml(self.read(PARAMS), self._place(PARAMS))

    @cached_property
    def in_effect(self) -> dict[str, Any]:
        """The settings, by dotted name, that the results depend on, and the weights' content."""
        return self._with_weights(in_effect(self.settings))

    @property
    def seed(self) -> int:
        """The training seed."""
        return int(value_at(self.settings, identity.SEEDS[0]))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The encoder's metrics, by entry and measure."""
        return self._mapping(paths.METRICS)

    @cached_property
    def baselines(self) -> dict[str, Any]:
        """The baselines' metrics, by contender, entry and measure."""
        return self._mapping(paths.BASELINE_METRICS)

    @cached_property
    def results(self) -> dict[str, float]:
        """All metrics by dotted name: linear.accuracy, raw_pixels.linear.accuracy and so on.

        Raises DataError for one that is no number.
        """
        ours = mappings.flatten_numbers(self.metrics, self._place(paths.METRICS))
        return ours | mappings.flatten_numbers(self.baselines, self._place(paths.BASELINE_METRICS))

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """What its tasks declared of their results, by entry.

        reports/evaluation.json has it, in the run's folder or in DVC's cache. Where neither has it,
        as in a fresh clone, the names in reports/metrics.json tell.
        """
        recorded = entries.recorded(self._evaluation) if "entries" in self._evaluation else {}
        return entries.unrecorded(self.metrics) | recorded

    @cached_property
    def left_out(self) -> dict[str, str]:
        """The tasks and baselines that were left out for want of labels, with the reasons.

        Empty where neither the run's folder nor DVC's cache has it, as in a fresh clone.
        """
        return dict(self._evaluation.get("left_out", {}))

    @cached_property
    def named(self) -> dict[str, Metric]:
        """What its metrics are, by dotted name."""
        return metric_names.named(self.metrics, self.baselines, self.entries)

    @property
    def primaries(self) -> list[str]:
        """The names of the encoder's primary metrics, one for each entry."""
        return [n for n, metric in self.named.items() if metric.is_primary and not metric.baseline]

    @cached_property
    def verdict(self) -> str:
        """The verdict on the training."""
        said = str(self._mapping(paths.PRETRAIN_METRICS).get("verdict", ABSENT))
        return renamed.WORDS["gate.verdicts"].get(said, said)  # of an earlier version

    @cached_property
    def lock(self) -> Mapping[str, Any]:
        """The content of dvc.lock; without a file there are no stages."""
        return dvc_lock.load(self.read)

    @cached_property
    def data(self) -> str | None:
        """The hash of the prepared data; None if DVC has recorded none.

        It is needed since the settings name the source and a file of pairs, not their content.
        """
        return lock_file.hash_of(self.lock, paths.PREPARED)

    @cached_property
    def code(self) -> dict[str, str]:
        """The hashes, by path, of the code that the results come from."""
        return lock_file.code(self.lock)

    @cached_property
    def outs(self) -> dict[str, int]:
        """The bytes of the stages' outs by hash."""
        return lock_file.outs(self.lock)

    @cached_property
    def altered(self) -> str | None:
        """Why the reports are not those that the stages wrote; None if they are."""
        return lock_file.altered(self.lock, self.read)

    @cached_property
    def stale(self) -> str | None:
        """Why the results are not those of the settings; None if they are, or without dvc.lock."""
        if not self.lock["stages"]:
            return None
        return self.altered or lock_file.stale(self.lock, self.settings)

    @cached_property
    def edited(self) -> list[str]:
        """The files of code in the folder that differ from those that the results come from."""
        return [] if self.folder is None else lock_file.edited(self.lock, self.folder)

    @cached_property
    def minutes(self) -> float | None:
        """How long the training took; None if DVC's cache lacks it, as in a fresh clone."""
        key = lock_file.hash_of(self.lock, paths.PRETRAIN_RUN)
        text = self.cached(key) if key else None
        return float(json.loads(text)["seconds"]) / 60 if text else None

    @cached_property
    def protocol(self) -> str | None:
        """The name of the protocol in the code; None if the code is not in git."""
        try:
            found = _NAMED.search(self.read(_PROTOCOL))
        except DataError:
            return None
        return found[1] if found else None

    @cached_property
    def question(self) -> Question:
        """The question that the run answers, by which runs are compared."""
        file = value_at(self.settings, "data.pairs")  # the folder's hash says nothing without one
        pairs = file and f"{file} {lock_file.hash_of_dep(self.lock, str(paths.LABELLED_PAIRS))}"
        return question.question(self._under_new_names, self.data, pairs, self.protocol)

    @cached_property
    def answer(self) -> dict[str, Any]:
        """The settings in effect without the seeds and without those of the question."""
        return identity.without_seeds(question.answer(self._under_new_names))

    @cached_property
    def _under_new_names(self) -> dict[str, Any]:
        """The settings in effect under today's names, so that older runs can be compared."""
        return self._with_weights(in_effect(renamed.translate(self.settings)[0]))

    @cached_property
    def seeds_file(self) -> Seeds | None:
        """The content of reports/seeds.json, of any training; None without a file."""
        try:
            return seeds.parse(self.read(seeds.FILE), self._place(seeds.FILE))
        except MissingError:
            return None

    @cached_property
    def same_training(self) -> Seeds | None:
        """The seeds file if it is of this training, by settings, data and seed; None otherwise."""
        found = self.seeds_file
        if found is None or found.settings != identity.digest(self.in_effect, self.data):
            return None
        return found if self.seed in found.seeds else None

    @cached_property
    def seeds(self) -> Seeds | None:
        """The seeds file if it is of this training and holds this run's results; None otherwise.

        It may lack metrics that were first measured after it was written.
        """
        found = self.same_training
        kept = found.of_seed(self.seed) if found else {}
        return found if kept and kept.items() <= self.results.items() else None

    @cached_property
    def _evaluation(self) -> dict[str, Any]:
        """The content of reports/evaluation.json; empty where it is not at hand."""
        if self.folder is not None and (self.folder / paths.EVALUATION).is_file():
            return self._mapping(paths.EVALUATION)
        key = lock_file.hash_of(self.lock, paths.EVALUATION)
        text = self.cached(key) if key else None
        return json.loads(text) if text else {}

    def _with_weights(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        content = lock_file.hash_of_dep(self.lock, str(paths.WEIGHTS))
        return identity.with_weights(settings, content)

    def _place(self, path: Path) -> Path:
        return path if self.folder is None else self.folder / path

    def _mapping(self, path: Path) -> dict[str, Any]:
        return mappings.parse_json(self.read(path), self._place(path))


def in_folder(folder: Path = Path()) -> RecordedRun:
    """The run whose results lie in a project's folder."""
    read = functools.cache(dvc_experiments.folder_reader(folder))
    return RecordedRun(WORKSPACE, read, dvc_experiments.read_cached, folder=folder)


def at(commit: str, name: str, kind: str = "commit") -> RecordedRun:
    """The run whose results git has at a commit. name, kind: the words for it in errors."""
    read = functools.cache(dvc_experiments.commit_reader(commit, f"the {kind} {name}"))
    return RecordedRun(name, read, dvc_experiments.read_cached, commit)


def of_experiment(name: str) -> RecordedRun:
    """The newest experiment of a name. Raises DataError if there is none."""
    commit = dvc_experiments.result_commit(name)
    if commit is None:
        raise DataError(f"DVC has no experiment {name}; `dvc exp show` lists what there is")
    return at(commit, name, "experiment")
