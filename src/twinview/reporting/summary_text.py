"""The summary of a finished pipeline: a table, its meaning, and the commands to type next."""

import shutil
from collections.abc import Collection, Mapping
from typing import Any

from twinview.core import entries, paths
from twinview.core.text_table import format_table
from twinview.evaluation.standings import REFERENCES, describe_gaps
from twinview.experiments.intervals import WORDS, Interval
from twinview.experiments.seeds import FILE as SEEDS_FILE
from twinview.reporting.next_steps import MORE_SEEDS, NEXT_STEPS


def summary(found: Mapping[str, Any], run_minutes: float | None = None) -> str:
    """Our encoder beside its baselines, one line each; what that means; what to type next.

    found: as `results` says. Means with intervals, where it has them. run_minutes: what the run of
    all stages took, where that is known.
    """
    names = list(found["results"][paths.OURS])
    rows = [[row, *(_cell(row, name, found) for name in names)] for row in found["results"]]
    measures = entries.title(of["measures"][of["primary"]] for of in found["entries"].values())
    stale = (
        [f"Not the results of params.yaml: {found['stale']}; run `dvc repro`."]
        if found["stale"]
        else []
    )
    return "\n".join(
        [
            f"{measures} on test"
            + (f", protocol {found['protocol']}" if found["protocol"] else ""),
            *format_table([["", *names], *rows], right=True),
            *_legend(found),
            *_standings(found),
            *_spread(found),
            *_left_out(found),
            *(f"{name} is left out: {reason}." for name, reason in found["left_out"].items()),
            f"Pretraining: {found['verdict']}.",
            *stale,
            f"The page, with curves, mistakes, a map and neighbours: {found['report']}",
            "",
            *_next_steps(found, run_minutes),
        ]
    )


def _legend(found: Mapping[str, Any]) -> list[str]:
    """What the first entry of each task is; nothing where only names are known."""
    known = [(name, of) for name, of in found["entries"].items() if of["task"]]
    first = {of["task"]: f"{name}: {of['words']}" for name, of in reversed(known)}
    return ["; ".join(reversed(first.values())) + "."] if first else []


def _standings(found: Mapping[str, Any]) -> list[str]:
    """A sentence for each bar: in which entries our encoder is better and worse, and how much."""
    no_shares, shown, sentences = _no_shares(found), found["results"][paths.OURS], []
    for reference, words in REFERENCES.items():
        if reference in found["results"]:
            gaps = _gaps(reference, found)
            text = describe_gaps(gaps, no_shares=no_shares, of_all=len(gaps) == len(shown))
            sentences.append(f"Our encoder beside {words}: {text}.")
    return sentences


def _gaps(reference: str, found: Mapping[str, Any]) -> dict[str, float]:
    """By entry, our primary metric less the reference's."""
    ours, known = found["results"][paths.OURS], entries.recorded(found)
    names = entries.judged({name: known[name] for name in ours})
    return {name: _mean(paths.OURS, name, found) - _mean(reference, name, found) for name in names}


def _no_shares(found: Mapping[str, Any]) -> list[str]:
    """The entries whose primary measure is no share."""
    known = entries.recorded(found)
    return [name for name, entry in known.items() if not entry.is_share]


def _cell(contender: str, name: str, found: Mapping[str, Any]) -> str:
    """The primary metric of a contender in an entry, over the seeds if there are several."""
    over = _over_seeds(contender, name, found)
    return str(over) if over else f"{_mean(contender, name, found):.3f}"


def _mean(contender: str, name: str, found: Mapping[str, Any]) -> float:
    over = _over_seeds(contender, name, found)
    primary = found["entries"][name]["primary"]
    return over.mean if over else float(found["results"][contender][name][primary])


def _over_seeds(contender: str, name: str, found: Mapping[str, Any]) -> Interval | None:
    prefix = "" if contender == paths.OURS else f"{contender}."
    metric = f"{prefix}{name}.{found['entries'][name]['primary']}"
    known = (found["seeds"] or {"metrics": {}})["metrics"].get(metric)
    return Interval(**known) if known else None


def _spread(found: Mapping[str, Any]) -> list[str]:
    """What the intervals are, or why there are none; empty for a single training."""
    seeds, deviation = found["seeds"], found["deviation"]
    if seeds and len(seeds["seeds"]) > 1:
        return [f"±: {WORDS}, {len(seeds['seeds'])} training seeds ({SEEDS_FILE})."]
    if deviation:
        return [_elsewhere(deviation, found)]
    if found["other_seeds"]:
        return [f"No intervals: {SEEDS_FILE} is of other settings or other data than this run."]
    return []


def _left_out(found: Mapping[str, Any]) -> list[str]:
    """How many examples are left out, by reason; nothing where none is."""
    examples = found["examples"]
    if not examples or not examples["left_out"]:
        return []
    reasons = examples["left_out"].items()
    counted = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
    total = sum(count for _, count in reasons)
    return [f"Left out: {total:,} of {examples['count']:,} examples ({counted})."]


def _elsewhere(deviation: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """A sentence: this training was measured on another machine too; how far the results differ."""
    trained = found["trained"]
    far = f"{_largest(deviation['gaps'], _no_shares(found))}, {_within(deviation)}"
    measured = f"{SEEDS_FILE} holds this training as measured on {deviation['hardware']}"
    if trained is None:
        return (
            f"{measured}. The results here are of another machine or other code, and differ {far}."
        )
    here = trained["hardware"]
    other = here != deviation["hardware"]
    why = "another processor rounds otherwise" if other else "its code or versions differed"
    return (
        f"{measured}; this run is of {here}, and {why}. Yours differ {far}. git lists dvc.lock and "
        "reports/ as changed for that reason: they hold your numbers."
    )


def _largest(gaps: Mapping[str, float], no_shares: Collection[str]) -> str:
    """The largest difference of the measures that are shares; of all, if none is one."""
    shares = {name: gap for name, gap in gaps.items() if name.rpartition(".")[0] not in no_shares}
    name, gap = max((shares or gaps).items(), key=lambda item: abs(item[1]))
    size = f"{abs(100 * gap):.2f} points" if shares else f"{abs(gap):.3f}"
    return f"by at most {size} ({name})"


def _within(deviation: Mapping[str, Any]) -> str:
    """Whether the differences are within the spread over seeds."""
    count, beyond = len(deviation["seeds"]), deviation["beyond"]
    if beyond is None:
        return "and one seed has no spread to compare that with"
    told = f"the spread over its {count} seeds (95 % prediction interval)"
    return f"beyond {told} in {', '.join(beyond)}" if beyond else f"within {told}"


def _next_steps(found: Mapping[str, Any], run_minutes: float | None) -> list[str]:
    """The commands that a user may want next, aligned."""
    steps = dict(NEXT_STEPS)
    if found["seeds"] is None or len(found["seeds"]["seeds"]) < 2:
        command, words = MORE_SEEDS
        steps[command] = words + _cost(found, run_minutes)
    lines = format_table([[f"  {command}", words] for command, words in steps.items()])
    ready = shutil.which("twinview") is not None
    return [f"Next{'' if ready else ', after `source .venv/bin/activate`'}:", *lines]


def _cost(found: Mapping[str, Any], run_minutes: float | None) -> str:
    """How long two more trainings take, as far as that is known."""
    trained = found["trained"]["minutes"] if found["trained"] else 0
    if run_minutes is not None and run_minutes > trained:  # else it took results from DVC's cache
        return f"; some {max(1, round(2 * run_minutes))} minutes"
    return f"; each trains {trained:g} minutes, then is evaluated" if trained else ""
