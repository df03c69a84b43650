"""Runs all benchmarks, or those named; writes reports/benchmarks.json and docs/benchmarks.md.

`make bench` runs it. It needs the files of the stages prepare and views, and an idle machine.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import (
    cache_cost,
    decode,
    embed,
    loop,
    mapped_300k,
    micro_batch,
    nt_xent,
    time_to_accuracy,
    views,
)
from twinview.core import files, paths
from twinview.core.errors import ConfigError, TwinviewError
from twinview.evidence import scoreboard
from twinview.experiments import dvc_experiments
from twinview.experiments.provenance import commit, hardware, versions

RESULTS, PAGE = Path("reports/benchmarks.json"), Path("docs/benchmarks.md")
COMMAND, BENCH = "make bench", "bench."
START, END = "<!-- benchmarks: written by make bench -->", "<!-- benchmarks end -->"
BENCHMARKS: dict[str, Callable[[], dict[str, Any]]] = {
    "views": views.measure,
    "nt_xent": nt_xent.measure,
    "micro_batch": micro_batch.measure,
    "loop": loop.measure,
    "time_to_accuracy": time_to_accuracy.measure,
    "cache_cost": cache_cost.measure,
    "decode": decode.measure,
    "embed": embed.measure,
    "mapped_300k": mapped_300k.measure,
}

# The benchmarks that need the files of the stages prepare and views.
ON_DATA = ("loop", "time_to_accuracy", "cache_cost")

PEERS = {
    "lightly": ".vs_lightly",
    "kornia": ".vs_kornia",
    "torchvision v2": ".vs_torchvision",
    "lightly with 2 workers (ours: 2 threads)": "_threads_2.vs_lightly",
}
VIEWS = {
    f"views at {size} px": [f"views_{size}{key}" for key in PEERS.values()]
    for size in (28, 96, 224)
}
ROWS = (
    (
        "NT-Xent at batch 4,096: times as fast as lightly's",
        "nt_xent_4096.vs_lightly",
        "ratio",
        True,
    ),
    (
        "NT-Xent at batch 8,192: times as fast as lightly's",
        "nt_xent_8192.vs_lightly",
        "ratio",
        True,
    ),
    (
        "NT-Xent at batch 8,192: extra memory, as a share of lightly's",
        "nt_xent_8192.memory_share",
        "share",
        False,
    ),
    ("NT-Xent at batch 65,536: extra MB", "nt_xent_65536.extra_mb", "MB", False),
    (
        "a training step at batch 8,192 in chunks of 256: extra MB",
        "micro_batch_8192.extra_mb",
        "MB",
        False,
    ),
    (
        "training rate with cached views, as a share of the rate with views in memory",
        "loop_cached.share_of_step",
        "share",
        True,
    ),
    (
        "the same, when the cache is read from the disk at every step",
        "loop_cold.share_of_step",
        "share",
        True,
    ),
    (
        "training rate with live views, as a share of the rate with views in memory",
        "loop_live.share_of_step",
        "share",
        True,
    ),
    (
        "arithmetic rate of a training step with views in memory, as a share of the rate of a "
        "plain matrix product in the same precision",
        "step.share_of_matmul",
        "share",
        True,
    ),
    (
        "time that twinview takes to the kNN accuracy that lightly reaches in ten minutes, as a "
        "share of these ten minutes",
        "time_to_lightly_knn.ratio",
        "share",
        False,
    ),
    (
        "rate at which a folder is decoded into the store, as a share of a bare pool of Pillow "
        "workers",
        "decode.share_of_pool",
        "share",
        True,
    ),
    (
        "rate of the command embed, as a share of the slower of decoding and encoder",
        "embed.share_of_bound",
        "share",
        True,
    ),
    (
        "training rate of `recipes/photos.yaml` on 300,000 mapped pictures, with live views and "
        "memory limited to 2,000 MB, as a share of the rate with views in memory",
        "mapped_300k.share_of_step",
        "share",
        True,
    ),
    (
        "the same, as a share of the rate with live views of pictures in memory",
        "mapped_300k.share_of_memory",
        "share",
        True,
    ),
    ("peak of resident memory there: MB", "mapped_300k.peak_mb", "MB", False),
)

# The columns of the view cache's cost: key, unit, and whether higher is better.
CACHE = {
    "linear probe": ("linear", "accuracy", True),
    "kNN": ("knn", "accuracy", True),
    "examples/s": ("examples_per_second", "examples/s", True),
    "MB on disk": ("disk_mb", "MB", False),
    "s to render": ("render_s", "s", False),
}


def main(names: list[str]) -> None:
    """Runs the named benchmarks, or all; earlier results of others stay in the file."""
    if unknown := set(names) - set(BENCHMARKS):
        raise ConfigError(
            f"no benchmark is called {', '.join(sorted(unknown))}; "
            f"there are {', '.join(BENCHMARKS)}"
        )
    dvc_experiments.require_committed(COMMAND)
    chosen = names or list(BENCHMARKS)
    missing = [path for path in (paths.PREPARED, paths.VIEWS) if not path.exists()]
    if missing and (on_data := [name for name in ON_DATA if name in chosen]):
        users = ", ".join(on_data)
        raise ConfigError.at(missing[0], f"is missing for {users}", "`dvc repro views` makes it")
    for name in chosen:
        print(f"benchmark {name}", flush=True)
        measured = BENCHMARKS[name]()
        earlier = files.load_json(RESULTS) if RESULTS.exists() else {}
        origin = {
            "commit": commit(),
            "hardware": hardware(),
            "versions": versions(),
            "command": f"{COMMAND} BENCH={name}",
        }
        files.save_json(RESULTS, earlier | {name: origin | {"found": measured}})
    results = files.load_json(RESULTS)
    scoreboard.keep(scores(results), instead_of=BENCH)
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), results), "utf-8")


def scores(results: Mapping[str, Any]) -> dict[str, Any]:
    """The scoreboard's entries bench.<key>, for all numbers of the tables."""
    return {
        f"{BENCH}{key}": {
            **_value(result["found"][key]),
            "unit": unit,
            "higher_is_better": higher,
            **{name: result[name] for name in ("command", "commit", "hardware")},
        }
        for result in results.values()
        for key, unit, higher in _keys(result["found"])
    }


def _keys(measured: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """The key of each number, its unit, and whether higher is better."""
    views = ((key, "ratio", True) for keys in VIEWS.values() for key in keys)
    cache = (
        (f"{kind}.{key}", unit, higher)
        for kind in _kinds(measured)
        for key, unit, higher in CACHE.values()
    )
    columns = (*views, *(row[1:] for row in ROWS), *cache)
    return (column for column in columns if column[0] in measured)


def _kinds(measured: Mapping[str, Any]) -> list[str]:
    """The views whose cost was measured, such as cache_2 and cache_live."""
    return [key.removesuffix(".linear") for key in measured if key.endswith(".linear")]


def _value(result: Any) -> dict[str, Any]:
    """A median and its range over the rounds, or a single value."""
    if not isinstance(result, dict):
        return {"value": result, "spread": None, "n": 1}
    return {"value": result["median"], "spread": [result["low"], result["high"]], "n": result["n"]}


def with_table(page: str, results: Mapping[str, Any]) -> str:
    """The page with new tables of benchmarks."""
    return scoreboard.between(page, START, END, table(results))


def table(results: Mapping[str, Any]) -> str:
    """The tables in Markdown: what was compared, the ratio, and its range over the rounds."""
    measured = {key: value for result in results.values() for key, value in result["found"].items()}
    commits = sorted({result["commit"][:7] for result in results.values()})
    ran: dict[str, list[str]] = {}
    for name, result in results.items():
        ran.setdefault(result["hardware"], []).append(name)
    machines = "; ".join(f"{', '.join(names)} on {machine}" for machine, names in ran.items())
    origin = f"`{COMMAND}` at commit `{'`, `'.join(commits)}`: {machines}."
    tables = (_view_rows(measured), _rows(measured), _cache_rows(measured))
    return "\n\n".join([*("\n".join(rows) for table in tables if (rows := list(table))), origin])


def _view_rows(measured: Mapping[str, Any]) -> Iterator[str]:
    """Our rate as a multiple of each peer's, for each size of picture."""
    shown = {label: keys for label, keys in VIEWS.items() if any(key in measured for key in keys)}
    if shown:
        yield f"| twinview is so many times as fast as | {' | '.join(PEERS)} |"
        yield "|---" * (1 + len(PEERS)) + "|"
    for label, keys in shown.items():
        cells = [_range(measured[key], 3) if key in measured else "" for key in keys]
        yield f"| {label} | {' | '.join(cells)} |"


def _rows(measured: Mapping[str, Any]) -> Iterator[str]:
    shown = [(label, measured[key]) for label, key, _, _ in ROWS if key in measured]
    if shown:
        yield "| what is measured | result (lowest to highest) |"
        yield "|---|---|"
    for label, value in shown:
        yield f"| {label} | {_cell(value, 3)} |"


def _cache_rows(measured: Mapping[str, Any]) -> Iterator[str]:
    """The cost of K cached views, beside live views."""
    widths = "-".join(map(str, cache_cost.ENCODER["widths"]))
    if kinds := _kinds(measured):
        yield f"| {cache_cost.EPOCHS} epochs, encoder {widths} wide, on | {' | '.join(CACHE)} |"
        yield "|---" * (1 + len(CACHE)) + "|"
    for kind in kinds:
        values = [measured.get(f"{kind}.{key}") for key, _, _ in CACHE.values()]
        cells = ["" if value is None else _cell(value, 4) for value in values]
        live = kind == "cache_live"
        label = "live views" if live else f"{kind.removeprefix('cache_')} views, cached"
        yield f"| {label} | {' | '.join(cells)} |"


def _cell(value: Any, digits: int) -> str:
    return _range(value, digits) if isinstance(value, dict) else _number(value, digits)


def _range(value: Mapping[str, float], digits: int) -> str:
    median, low, high = (_number(value[key], digits) for key in ("median", "low", "high"))
    return f"{median} ({low} to {high})"


def _number(value: float, digits: int) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.{digits}g}"


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except TwinviewError as error:
        sys.exit(f"twinview: {error}")
