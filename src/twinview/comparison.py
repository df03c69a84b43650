"""Many runs side by side: grouped by their settings, each group a mean over training seeds.

A run is a DVC experiment, a commit, or the workspace. Runs of equal settings, data and code,
whatever their seeds, are one group. What cannot stand beside the others is set apart, with the
reason.
"""

import functools
import json
import math
import statistics
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from twinview import experiments, lockfile, paths, seeding
from twinview.commands import git
from twinview.errors import ConfigError, DataError
from twinview.experiments import Read
from twinview.intervals import Difference, Interval, difference, holm, interval
from twinview.registry import did_you_mean

WORKSPACE = "workspace"
REFERENCES = ("supervised", "raw_pixels")  # baselines that stand beside all groups
ABSENT = "absent"  # what an earlier version does not know
CODE, DATA = "code", "data"  # what may differ between groups of equal settings
_OF_DATA = ("data.", "sources.")  # the settings that ask for data

Standing = Literal["best", "tied", "unsure", "less", "absent"]
_STANDINGS: dict[bool | None, Standing] = {True: "less", False: "tied", None: "unsure"}


@dataclass(frozen=True)
class Run:
    """One finished run. metrics: as seeding.results. outs: bytes by hash. code: hashes by file.

    data: the hash of the prepared data.
    """

    name: str
    commit: str
    tree: Mapping[str, Any] = field(repr=False)
    metrics: Mapping[str, float] = field(repr=False)
    verdict: str
    minutes: float | None
    outs: Mapping[str, int] = field(repr=False)
    code: Mapping[str, str] = field(repr=False)
    data: str | None

    @property
    def seed(self) -> int:
        """That of its training."""
        return int(self.tree["pretrain"]["seed"])

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """What its results depend on, but for the seeds."""
        found = seeding.in_effect(self.tree)
        return {key: value for key, value in found.items() if key not in seeding.SEEDS}


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seeds only. label: what tells it from the others."""

    label: str
    differing: Mapping[str, Any]
    runs: tuple[Run, ...]

    @property
    def seeds(self) -> list[int]:
        """The training seeds, each once."""
        return sorted({run.seed for run in self.runs})

    @property
    def verdicts(self) -> list[str]:
        """Of the trainings, each word once."""
        return sorted({run.verdict for run in self.runs})

    @property
    def minutes(self) -> float | None:
        """A training's, the mean; None where DVC's cache holds none."""
        known = [run.minutes for run in self.runs if run.minutes is not None]
        return statistics.fmean(known) if known else None

    @property
    def outs(self) -> dict[str, int]:
        """What the runs made, each content once."""
        return {key: size for run in self.runs for key, size in run.outs.items()}

    def values(self, metric: str) -> dict[int, float]:
        """By seed; a seed that was trained twice counts once, by its mean. Empty: not measured."""
        found: dict[int, list[float]] = {}
        for run in self.runs:
            if metric in run.metrics:
                found.setdefault(run.seed, []).append(run.metrics[metric])
        return {seed: statistics.fmean(found[seed]) for seed in sorted(found)}

    def interval(self, metric: str) -> Interval | None:
        """Over the seeds; None where the metric was not measured."""
        values = self.values(metric)
        return interval(list(values.values())) if values else None


@dataclass(frozen=True)
class Against:
    """A group beside the best of a metric. p: corrected for the number of comparisons (Holm)."""

    group: Group
    difference: Difference
    p: float | None

    @property
    def apart(self) -> bool | None:
        """Whether the two can be told apart; None: one of them has a single seed."""
        return None if self.p is None else self.p < 0.05


@dataclass(frozen=True)
class Comparison:
    """groups: the best of the first metric first. common: the settings that are equal in all.

    changed: files of code that are not the same everywhere. apart: what is not compared, and why.
    """

    groups: tuple[Group, ...]
    differing: tuple[str, ...]
    common: Mapping[str, Any]
    metrics: tuple[str, ...]
    changed: tuple[str, ...]
    apart: Mapping[str, str]

    def best(self, metric: str) -> Group:
        """The group of the highest mean."""
        return max(self._measured(metric), key=lambda group: _mean(group, metric))

    def against_best(self, metric: str) -> list[Against]:
        """Every other group that has the metric, the nearest to the best first."""
        best = self.best(metric)
        others = [group for group in self._measured(metric) if group is not best]
        others.sort(key=lambda group: -_mean(group, metric))
        found = [difference(group.values(metric), best.values(metric)) for group in others]
        raised = iter(holm([one.p for one in found if one.p is not None]))
        chances = [None if one.p is None else next(raised) for one in found]
        return [Against(*row) for row in zip(others, found, chances, strict=True)]

    def standing(self, group: Group, metric: str) -> Standing:
        """How a group stands to the best of a metric, if it has that."""
        if group is self.best(metric):
            return "best"
        for one in self.against_best(metric):
            if one.group is group:
                return _STANDINGS[one.apart]
        return "absent"

    def tied(self, metric: str) -> list[Group]:
        """The groups that cannot be told apart from the best."""
        return [one.group for one in self.against_best(metric) if one.apart is False]

    def unsure(self, metric: str) -> list[Group]:
        """The groups of which nothing can be said beside the best, for want of seeds."""
        return [one.group for one in self.against_best(metric) if one.apart is None]

    def own_bytes(self, group: Group) -> int:
        """The bytes of outs that no other group has."""
        others = {key for other in self.groups if other is not group for key in other.outs}
        return sum(size for key, size in group.outs.items() if key not in others)

    def references(self, metric: str) -> dict[str, float]:
        """Baselines that are the same beside all groups, to three digits."""
        found = {}
        for name in REFERENCES:
            beside = [group.interval(f"{name}.{metric}") for group in self.groups]
            means = {round(one.mean, 3) if one else None for one in beside}
            if len(means) == 1 and (mean := means.pop()) is not None:
                found[name] = mean
        return found

    def _measured(self, metric: str) -> list[Group]:
        return [group for group in self.groups if group.values(metric)]


def compare(names: Sequence[str], metrics: Sequence[str]) -> Comparison:
    """The named experiments, commits, branches or 'workspace'; without names, all experiments.

    metrics: names as in seeding.results; without, the accuracy of every task. Raises ConfigError
    for a name or metric that there is not, DataError where there is nothing to compare.
    """
    experiments.require_git("twinview compare")
    runs, apart = _runs(names)
    if not runs:
        raise DataError(_nothing(apart))
    return side_by_side(runs, metrics, apart)


def side_by_side(
    runs: Sequence[Run], metrics: Sequence[str], apart: Mapping[str, str]
) -> Comparison:
    """At least one run; metrics and apart as in `compare`."""
    groups = _grouped(runs)
    chosen = _chosen(metrics, runs)
    key = chosen[0]
    groups.sort(key=lambda group: -_mean(group, key) if group.values(key) else math.inf)
    differing = tuple(dict.fromkeys(key for group in groups for key in group.differing))
    equal = {k: v for k, v in runs[0].settings.items() if all(_same(run, k, v) for run in runs)}
    return Comparison(tuple(groups), differing, equal, chosen, tuple(_changed(runs)), apart)


def _runs(names: Sequence[str]) -> tuple[list[Run], dict[str, str]]:
    """What could be read, and what is set apart."""
    runs, apart = [], ({} if names else dict(experiments.unfinished()))
    known = experiments.labelled()
    listed = [(name, *_place(name, known)) for name in names or [*known, WORKSPACE]]
    for name, commit, read in listed:
        try:
            runs.append(_run(name, commit, read))
        except DataError as error:
            apart[name] = str(error)
    return runs, apart


def _place(name: str, known: Mapping[str, str]) -> tuple[str, Read]:
    """Where a run's files are: a commit, or none for the workspace, and how they are read.

    known: the experiments that there are. Of several of one name the newest is taken.
    """
    if name == WORKSPACE:
        return "", experiments.in_folder(Path())
    for label, ref in known.items():
        if name in (label, ref.split("/")[-1]):
            made = str(git("rev-parse", ref))
            return made, experiments.at(made, f"the experiment {name}")
    commit = git("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
    if commit is not None:
        return commit, experiments.at(commit, f"the commit {name}")
    waiting = experiments.unfinished()
    if name in waiting:
        raise ConfigError(f"the experiment {name} has no results: it is {waiting[name]}")
    branches = (git("for-each-ref", "--format=%(refname:short)", "refs/heads") or "").split()
    near = did_you_mean(name, [*known, *waiting, *branches, WORKSPACE])
    raise ConfigError(
        f"there is no experiment, branch or commit {name!r}{near}; `dvc exp list` names "
        "the experiments"
    )


def _run(name: str, commit: str, read: Read) -> Run:
    """Raises DataError where there are no results, or where they are of other settings."""
    tree, metrics = seeding.settings(read), seeding.results(read)
    lock = seeding.yaml(read, lockfile.LOCK)
    if reason := lockfile.stale(lock, tree):
        raise DataError(f"its results are not of its settings: {reason}; `dvc repro` mends it")
    verdict = str(seeding.mapping(read, paths.PRETRAIN_METRICS).get("verdict", ABSENT))
    code, outs = lockfile.code(lock), lockfile.outs(lock)
    data = lockfile.hash_of(lock, paths.PREPARED)
    return Run(name, commit, tree, metrics, verdict, _minutes(lock), outs, code, data)


def _minutes(lock: Mapping[str, Any]) -> float | None:
    """None where DVC's cache does not hold the file, as in a fresh clone."""
    key = lockfile.hash_of(lock, paths.PRETRAIN_RUN)
    text = experiments.cached(key) if key else None
    return float(json.loads(text)["seconds"]) / 60 if text else None


def _nothing(apart: Mapping[str, str]) -> str:
    listed = "".join(f"\n  {name}: {reason}" for name, reason in apart.items())
    made = "`dvc exp run`, or `dvc queue start`, makes some"
    return f"there are no results to compare; {made}{':' if listed else ''}{listed}"


def _grouped(runs: Sequence[Run]) -> list[Group]:
    """Runs of equal settings, data and code together, each group told from the others."""
    together: dict[str, list[Run]] = {}
    for run in runs:
        key = json.dumps([run.settings, run.data, sorted(run.code.items())], sort_keys=True)
        together.setdefault(key, []).append(run)
    members = list(together.values())
    firsts = [own[0] for own in members]
    differing, changed = _differing(firsts), _changed(firsts)
    codes = _letters([tuple(run.code.get(path) for path in changed) for run in firsts])
    contents = _letters([run.data for run in firsts])
    groups = []
    for own, code, data in zip(members, codes, contents, strict=True):
        settings = own[0].settings | {CODE: code, DATA: data}
        values = {
            key: settings.get(key, ABSENT)
            for key in differing
            if key in settings or not _is_option(key)
        }
        groups.append(Group(_label(own[0], values, differing), values, tuple(own)))
    return groups


def _differing(firsts: Sequence[Run]) -> list[str]:
    """The settings that are not equal in all; DATA and CODE where data, or a file of code, are not.

    A plug-in's options say nothing where it is not chosen: they differ among those that have them.
    """
    all_settings = [run.settings for run in firsts]
    found = []
    for key in dict.fromkeys(key for settings in all_settings for key in settings):
        having = [settings[key] for settings in all_settings if key in settings]
        missing = len(having) < len(firsts) and not _is_option(key)
        if missing or any(value != having[0] for value in having):
            found.append(key)
    others = {DATA: _other_data(firsts), CODE: _changed(firsts)}
    return [*found, *(key for key, differs in others.items() if differs)]


def _other_data(firsts: Sequence[Run]) -> bool:
    """Whether the same settings got other data, as where a file of labelled pairs was edited."""
    found: dict[str, set[str | None]] = {}
    for run in firsts:
        asked = {key: value for key, value in run.settings.items() if key.startswith(_OF_DATA)}
        found.setdefault(json.dumps(asked, sort_keys=True), set()).add(run.data)
    return any(len(hashes) > 1 for hashes in found.values())


def _changed(runs: Sequence[Run]) -> list[str]:
    """The files of code that are not the same in all runs that load them."""
    files = sorted({path for run in runs for path in run.code})
    return [f for f in files if len({run.code[f] for run in runs if f in run.code}) > 1]


def _letters(found: Sequence[Hashable]) -> list[str]:
    """A letter for each, the same for equal ones."""
    order = list(dict.fromkeys(found))
    return [_letter(order.index(one)) for one in found]


def _letter(number: int) -> str:
    """A to Z, then A1 to Z1 and so on."""
    turn, place = divmod(number, 26)
    return chr(ord("A") + place) + (str(turn) if turn else "")


def _is_option(key: str) -> bool:
    """Of a plug-in, so that it is there only where the plug-in is chosen."""
    return key.split(".")[0] in seeding.PLUGINS


def _label(run: Run, values: Mapping[str, Any], differing: Sequence[str]) -> str:
    """What differs, in words; the method where nothing does."""
    if not values:
        return str(run.tree["pretrain"]["method"])
    return ", ".join(f"{short(key, differing)} {told(value)}" for key, value in values.items())


def short(key: str, keys: Sequence[str]) -> str:
    """A setting's last word, or all of it where another of the keys ends in the same word."""
    last = key.split(".")[-1]
    return last if [other.split(".")[-1] for other in keys].count(last) == 1 else key


def told(value: Any) -> str:
    """A setting's value as a reader expects it: 0.3 for 0.30000000000000004."""
    if isinstance(value, list):
        return f"[{', '.join(map(told, value))}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) if isinstance(value, str) else json.dumps(value)


def megabytes(count: int) -> str:
    """A number of bytes as MB with as many digits as tell something."""
    return f"{count / 1e6:.3g}" if count < 1e9 else f"{count / 1e6:.0f}"


def minutes(group: Group) -> str:
    """A training's, the mean; a dash where they are not known."""
    return "–" if group.minutes is None else f"{group.minutes:.3g}"


def _chosen(metrics: Sequence[str], runs: Sequence[Run]) -> tuple[str, ...]:
    """The metrics to compare."""
    known = list(dict.fromkeys(name for run in runs for name in run.metrics))
    for name in metrics:
        if name not in known:
            near = did_you_mean(name, known)
            raise ConfigError(f"no run has the metric {name!r}{near}; such are: {', '.join(known)}")
    tasks = [name for name in known if name.count(".") == 1 and name.endswith(".accuracy")]
    if not metrics and not tasks:
        raise ConfigError(
            f"no run has an accuracy in {paths.METRICS}; `evaluate.probes` and "
            "`evaluate.few_labels.per_class` name what is measured"
        )
    return tuple(metrics or tasks)


def _same(run: Run, key: str, value: Any) -> bool:
    return key in run.settings and run.settings[key] == value


def _mean(group: Group, metric: str) -> float:
    return statistics.fmean(group.values(metric).values())
