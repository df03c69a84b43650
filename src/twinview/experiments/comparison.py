"""Many runs side by side: grouped by their settings, each group a mean over training seeds.

A run is a DVC experiment, a commit, or the workspace. Runs of equal settings, data and code,
whatever their seeds, are one group. Groups that were asked the same are one comparison, and those
that were not are parts of their own, see `questions`. What has no results is set apart, with the
reason.
"""

import functools
import json
import re
import statistics
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from twinview.core import paths
from twinview.core.commands import git
from twinview.core.errors import ConfigError, DataError
from twinview.core.registry import did_you_mean
from twinview.experiments import dvc_experiments, identity, lock_file, seeding
from twinview.experiments.differences import ABSENT, in_effect, is_option, told, unequal, words
from twinview.experiments.dvc_experiments import Read
from twinview.experiments.identity import Differences, Question
from twinview.experiments.intervals import Difference, Interval, difference, holm, interval
from twinview.settings.sections import VALIDATION

WORKSPACE = "workspace"
REFERENCES = ("supervised", "raw_pixels")  # baselines that stand beside all groups
CODE, DATA = "code", "data"  # what may differ between groups of equal settings
MANY = 4  # more settings than that are too many for a name or for columns of their own
_TELLING = 3  # of many settings, those that a name has
_EVALUATION = Path("src/twinview/evaluation/protocol.py")
_NAMED = re.compile(r'^PROTOCOL = "(.+)"$', re.MULTILINE)
_OTHER = {identity.DATA: "other data", identity.PROTOCOL: "another protocol"}

Standing = Literal["best", "tied", "unsure", "less", "more", "absent"]


MORE_SEEDS = (
    "Where ? stands, the row or the best has a single seed. `twinview seeds 3` trains the "
    "workspace's settings with three; for another row: `dvc exp run --queue -S "
    "pretrain.seed=0,1,2 -S SETTING=VALUE`, then `dvc queue start`."
)


@dataclass(frozen=True)
class Run:
    """One finished run. metrics: as seeding.results. outs: bytes by hash. code: hashes by file.

    data: the hash of the prepared data; pairs: that of the labelled pairs. protocol: its name.
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
    pairs: str | None = None
    protocol: str | None = None

    @property
    def seed(self) -> int:
        """That of its training."""
        return int(self.tree["pretrain"]["seed"])

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """What its results depend on, but for the seeds and for what it was asked."""
        found = identity.answer(in_effect(self.tree))
        return {key: value for key, value in found.items() if key not in seeding.SEEDS}

    @functools.cached_property
    def question(self) -> Question:
        """What it was asked."""
        found = in_effect(self.tree)
        return identity.question(found, self.data, self.pairs, self.protocol)


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seeds only. label: what tells it from the others.

    shortened: the label has the most telling settings only, see `whole`.
    """

    label: str
    differing: Mapping[str, Any]
    runs: tuple[Run, ...]
    shortened: bool = False

    @property
    def whole(self) -> str:
        """All that tells it from the others, by full names."""
        return ", ".join(f"{key} {told(value)}" for key, value in self.differing.items())

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

    metrics: those that a run here has; lacking: those that only runs of other parts have.
    changed: files of code that are not the same everywhere. heading: what tells the part from the
    others; empty where it is alone. differences: what was asked here, and what in the first part.
    elsewhere: the hashes of what runs of other parts keep.
    """

    groups: tuple[Group, ...]
    differing: tuple[str, ...]
    common: Mapping[str, Any]
    metrics: tuple[str, ...]
    changed: tuple[str, ...]
    lacking: tuple[str, ...] = ()
    heading: str = ""
    differences: Differences = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()

    def best(self, metric: str) -> Group:
        """The group of the highest mean on validation; on test, where a run has no other."""
        picking = self.picking(metric)
        return max(self._measured(metric), key=lambda group: _mean(group, picking))

    def picking(self, metric: str) -> str:
        """The metric whose mean picks the best of a metric."""
        return metric if self._unvalidated(metric) else validation_of(metric)

    def picked(self, metric: str) -> str:
        """By what the best of a metric is picked, in words."""
        if not (lacking := self._unvalidated(metric)):
            return "picked on validation"
        runs = [run for group in self._measured(metric) for run in group.runs]
        which = "these runs" if len(lacking) == len(runs) else f"{len(lacking)} of {len(runs)} runs"
        return f"picked on test: {which} have no validation numbers"

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
        if not group.values(metric):
            return "absent"
        if group is self.best(metric):
            return "best"
        one = next(one for one in self.against_best(metric) if one.group is group)
        if one.apart is None:
            return "unsure"
        return ("more" if one.difference.mean > 0 else "less") if one.apart else "tied"

    def tied(self, metric: str) -> list[Group]:
        """The groups that cannot be told apart from the best."""
        return [one.group for one in self.against_best(metric) if one.apart is False]

    def unsure(self, metric: str) -> list[Group]:
        """The groups of which nothing can be said beside the best, for want of seeds."""
        return [one.group for one in self.against_best(metric) if one.apart is None]

    def above(self, metric: str) -> list[Group]:
        """The groups that are told apart from the best, and higher on test."""
        return [group for group in self.groups if self.standing(group, metric) == "more"]

    def own_bytes(self, group: Group) -> int:
        """The bytes of outs that no other group has, of any part."""
        others = {key for other in self.groups if other is not group for key in other.outs}
        others |= self.elsewhere
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

    def _unvalidated(self, metric: str) -> list[Run]:
        """The runs that have the metric, and no accuracy on validation beside it."""
        runs = [run for group in self.groups for run in group.runs if metric in run.metrics]
        return [run for run in runs if validation_of(metric) not in run.metrics]


@dataclass(frozen=True)
class Compared:
    """parts: a comparison for each question, the one with the most runs first.

    apart: what is not compared, and why.
    """

    parts: tuple[Comparison, ...]
    apart: Mapping[str, str]

    def title(self, part: Comparison) -> str:
        """A part's number and heading; empty where it is the only one."""
        number = self.parts.index(part) + 1
        return f"Part {number}, {part.heading}" if len(self.parts) > 1 else ""


def compare(names: Sequence[str], metrics: Sequence[str]) -> Compared:
    """The named experiments, commits, branches or 'workspace'; without names, all experiments.

    metrics: names as in seeding.results; without, the accuracy of every task. Raises ConfigError
    for a name or metric that there is not, DataError where there is nothing to compare.
    """
    dvc_experiments.require_git("twinview compare")
    runs, apart = _runs(names)
    if not runs:
        raise DataError(_nothing(apart))
    return side_by_side(runs, metrics, apart)


def side_by_side(runs: Sequence[Run], metrics: Sequence[str], apart: Mapping[str, str]) -> Compared:
    """At least one run; metrics and apart as in `compare`."""
    chosen = _chosen(metrics, runs)
    asked = identity.parted([run.question for run in runs])
    parts = [_part([runs[place] for place in part.places], part.question, chosen) for part in asked]
    first = asked[0].question
    others = [part.question.differences(first) for part in asked[1:]]
    headings = [_first_heading(others), *map(_heading, others)]
    found = [
        replace(one, heading=words, differences=differ, elsewhere=_elsewhere(one, parts))
        for one, words, differ in zip(parts, headings, [{}, *others], strict=True)
    ]
    return Compared(tuple(found), apart)


def _elsewhere(part: Comparison, parts: Sequence[Comparison]) -> frozenset[str]:
    others = [group for other in parts if other is not part for group in other.groups]
    return frozenset(key for group in others for key in group.outs)


def validation_of(metric: str) -> str:
    """The accuracy on validation of the metric's task and contender."""
    return f"{metric.rpartition('.')[0]}.{VALIDATION}"


def _part(runs: Sequence[Run], asked: Question, chosen: Sequence[str]) -> Comparison:
    """Runs that were asked the same."""
    groups = _grouped(runs)
    metrics = [name for name in chosen if any(name in run.metrics for run in runs)]
    equal = {k: v for k, v in runs[0].settings.items() if all(_same(run, k, v) for run in runs)}
    found = Comparison(
        tuple(groups),
        tuple(dict.fromkeys(key for group in groups for key in group.differing)),
        equal | _asked_by_all(runs, asked),
        tuple(metrics),
        tuple(_changed(runs)),
        tuple(name for name in chosen if name not in metrics),
    )
    return replace(found, groups=tuple(_ordered(found))) if metrics else found


def _asked_by_all(runs: Sequence[Run], asked: Question) -> dict[str, Any]:
    """The question's settings that are equal in all who state them: equal data may have sources
    that differ."""
    each = [{**run.question.data, **run.question.protocol} for run in runs]
    whole = {**asked.data, **asked.protocol}
    return {k: v for k, v in whole.items() if all(one.get(k, v) == v for one in each)}


def _ordered(found: Comparison) -> list[Group]:
    """By the first metric: the best, then the others as they are on test, then who lacks it."""
    metric = found.metrics[0]
    ranked = [found.best(metric), *(one.group for one in found.against_best(metric))]
    return [*ranked, *(group for group in found.groups if not group.values(metric))]


def _heading(differences: Differences) -> str:
    """How a part differs from the first."""
    return "; ".join(
        f"{_OTHER[kind]}: {_listed([_instead(key, *pair) for key, pair in of.items()])}"
        for kind, of in differences.items()
    )


def _instead(key: str, ours: Any, theirs: Any) -> str:
    return f"{key} {told(ours)} instead of {told(theirs)}"


def _first_heading(others: Sequence[Differences]) -> str:
    """What the first part has where the others differ."""
    found = {
        key: told(first)
        for differences in others
        for of in differences.values()
        for key, (_, first) in of.items()
    }
    return _listed([f"{key} {value}" for key, value in found.items()])


def _listed(found: Sequence[str]) -> str:
    """A few of many, and how many more there are."""
    few = found if len(found) <= MANY else found[:_TELLING]
    return ", ".join(few) + _more(len(found) - len(few))


def _more(count: int) -> str:
    return f" and {count} more" if count else ""


def _runs(names: Sequence[str]) -> tuple[list[Run], dict[str, str]]:
    """What could be read, and what is set apart."""
    runs, apart = [], ({} if names else dict(dvc_experiments.unfinished()))
    known = dvc_experiments.labelled()
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
        return "", dvc_experiments.in_folder(Path())
    for label, ref in known.items():
        if name in (label, ref.split("/")[-1]):
            made = str(git("rev-parse", ref))
            return made, dvc_experiments.at(made, f"the experiment {name}")
    commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if commit is not None:
        return commit, dvc_experiments.at(commit, f"the commit {name}")
    waiting = dvc_experiments.unfinished()
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
    lock = lock_file.stated(read)
    if reason := lock_file.altered(lock, read) or lock_file.stale(lock, tree):
        remedy = "`dvc repro` mends it" if name == WORKSPACE else "run it anew by `dvc exp run`"
        raise DataError(f"its results are not of its settings: {reason}; {remedy}")
    verdict = str(seeding.mapping(read, paths.PRETRAIN_METRICS).get("verdict", ABSENT))
    code, outs = lock_file.code(lock), lock_file.outs(lock)
    data = lock_file.hash_of(lock, paths.PREPARED)
    file = lock_file.value_at(tree, "data.pairs")  # the folder's hash says nothing where it is null
    pairs = file and f"{file} {lock_file.hash_of_dep(lock, str(paths.LABELLED_PAIRS))}"
    own = name, commit, tree, metrics, verdict, _minutes(lock), outs, code
    return Run(*own, data, pairs, _protocol(read))


def _protocol(read: Read) -> str | None:
    """The name of the protocol in a run's code; None where its code is not in git."""
    try:
        found = _NAMED.search(read(_EVALUATION))
    except DataError:
        return None
    return found[1] if found else None


def _minutes(lock: Mapping[str, Any]) -> float | None:
    """None where DVC's cache does not hold the file, as in a fresh clone."""
    key = lock_file.hash_of(lock, paths.PRETRAIN_RUN)
    text = dvc_experiments.cached(key) if key else None
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
    each = []
    for run, code, data in zip(firsts, codes, contents, strict=True):
        settings = run.settings | {CODE: code, DATA: data}
        each.append({
            key: settings.get(key, ABSENT)
            for key in differing
            if key in settings or not is_option(key)
        })  # fmt: skip
    rows = zip(_labels(firsts, each, differing), each, members, strict=True)
    return [
        Group(label, values, tuple(own), label != _label(own[0], values, differing))
        for label, values, own in rows
    ]


def _labels(
    firsts: Sequence[Run], each: Sequence[Mapping[str, Any]], differing: Sequence[str]
) -> list[str]:
    """A name for each: what differs, or of many settings the fewest that tell all of them apart."""
    found: list[str] = []
    for most in range(_TELLING if len(differing) > MANY else len(differing), len(differing) + 1):
        found = []
        for run, values in zip(firsts, each, strict=True):
            few = _telling(values, each, most)
            found.append(_label(run, few, differing) + _more(len(values) - len(few)))
        if len(set(found)) == len(found):
            break
    return found


def _telling(
    values: Mapping[str, Any], each: Sequence[Mapping[str, Any]], most: int
) -> dict[str, Any]:
    """The values that the fewest others share, in their order."""

    def shared(key: str) -> int:
        return sum(key in other and other[key] == values[key] for other in each)

    kept = sorted(values, key=shared)[:most]
    return {key: value for key, value in values.items() if key in kept}


def _differing(firsts: Sequence[Run]) -> list[str]:
    """The settings that are not equal in all, then DATA and CODE where those are not."""
    found = unequal([run.settings for run in firsts])
    others = {DATA: _other_pairs(firsts), CODE: _changed(firsts)}
    return [*found, *(key for key, differs in others.items() if differs)]


def _other_pairs(firsts: Sequence[Run]) -> bool:
    """Whether equal settings got other data: a file of labelled pairs was edited."""
    found: dict[str, set[str | None]] = {}
    for run in firsts:
        found.setdefault(str(run.settings.get("data.pairs")), set()).add(run.data)
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


def _label(run: Run, values: Mapping[str, Any], differing: Sequence[str]) -> str:
    """What differs, in words; the method where nothing does."""
    if not values:
        return str(run.tree["pretrain"]["method"])
    return ", ".join(words(values, differing))


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
    tasks = [name for name in known if seeding.is_our_accuracy(name)]
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
