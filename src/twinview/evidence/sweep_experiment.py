"""One training of a sweep: a DVC experiment, which runs unless DVC has it already."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from twinview.core.commands import git
from twinview.experiments import dvc_experiments, identity, recorded_run
from twinview.experiments.differences import in_effect
from twinview.experiments.recorded_run import RecordedRun
from twinview.settings.params import Params


@dataclass(frozen=True)
class Experiment:
    """One training: its label in the sweep, its changes of params.yaml, its name in DVC."""

    label: str
    changes: Mapping[str, Any]
    name: str

    @classmethod
    def of(cls, label: str, settings: Params, changes: Mapping[str, Any]) -> "Experiment":
        """The experiment whose name has its label and the identity of its training.

        The identity covers the settings in effect, the seeds and the code. The data has no hash
        before the run, but follows from settings and code.
        """
        tree = _changed(settings.model_dump(mode="json"), changes)
        training = identity.digest(in_effect(tree), None, _committed_code(), seeded=True)
        return cls(label, changes, f"{label.replace('_', '-')}-{training[:8]}")

    def run(self) -> None:
        """Runs the experiment up to its evaluation, unless DVC has it."""
        if dvc_experiments.base_commit(self.name) is None:
            dvc_experiments.run(self.name, self.changes, "evaluate")

    @cached_property
    def recorded(self) -> RecordedRun:
        """The recorded run of the finished experiment."""
        return recorded_run.of_experiment(self.name)


def _changed(tree: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the settings with the changes, which have dotted keys."""
    found = dict(tree)
    for key, value in changes.items():
        *sections, last = key.split(".")
        section = found
        for name in sections:
            section[name] = dict(section.get(name) or {})
            section = section[name]
        section[last] = value
    return found


def _committed_code() -> dict[str, str]:
    """The hashes of the folders src and pipeline at the last commit."""
    listed = git("ls-tree", "HEAD", "src", "pipeline") or ""
    return {line.split("\t")[1]: line.split()[2] for line in listed.splitlines()}
