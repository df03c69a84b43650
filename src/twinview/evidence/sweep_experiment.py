"""One training of a sweep: a DVC experiment that is run unless DVC has it."""

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
    """One training: its label in the sweep, the settings that differ from ours, its name in DVC."""

    label: str
    changes: Mapping[str, Any]
    name: str

    @classmethod
    def of(cls, label: str, settings: Params, changes: Mapping[str, Any]) -> "Experiment":
        """Named by its label and the identity of its training: settings in effect, seeds, code.

        Its data have no hash before it has run; its settings and its code make them.
        """
        tree = _changed(settings.model_dump(mode="json"), changes)
        training = identity.digest(in_effect(tree), None, _committed_code(), seeded=True)
        return cls(label, changes, f"{label.replace('_', '-')}-{training[:8]}")

    def run(self) -> None:
        """Runs it up to its evaluation, unless DVC has it."""
        if dvc_experiments.base_commit(self.name) is None:
            dvc_experiments.run(self.name, self.changes, "evaluate")

    @cached_property
    def recorded(self) -> RecordedRun:
        """What it left, once it has run."""
        return recorded_run.of_experiment(self.name)


def _changed(tree: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the settings with other values, by dotted names."""
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
    """The hashes of the folders of code at the last commit."""
    listed = git("ls-tree", "HEAD", "src", "pipeline") or ""
    return {line.split("\t")[1]: line.split()[2] for line in listed.splitlines()}
