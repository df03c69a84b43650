"""The gate: metrics that a change must keep, read from the base branch where there is one."""

import math
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from twinview import artifacts, paths
from twinview.errors import ConfigError
from twinview.params import Gate, load, parse


@dataclass(frozen=True)
class Check:
    """One thing that must hold, and whether it does."""

    name: str
    found: str
    wanted: str
    holds: bool


def run_gate(settings: Gate, folder: Path) -> list[Check]:
    """Holds the reports below folder against the floors and the permitted verdicts."""
    metrics = artifacts.flat(artifacts.load_json(folder / paths.METRICS))
    verdict = str(artifacts.load_json(folder / paths.PRETRAIN_METRICS)["verdict"])
    checks = [_floor(name, floor, metrics) for name, floor in settings.floors.items()]
    wanted = " or ".join(settings.verdicts)
    return [*checks, Check("pretrain.verdict", verdict, wanted, verdict in settings.verdicts)]


def base_settings(reference: str | None, file: Path) -> Gate:
    """The gate that `file` states at a commit, so that a change cannot lower its own bar.

    Without a reference, or where the reference has no such file yet, the working tree's.
    Raises ConfigError for a reference that does not exist.
    """
    if reference is None:
        return load(file).gate
    _git("rev-parse", "--verify", f"{reference}^{{commit}}")
    listed = _git("ls-tree", "--name-only", "--full-tree", reference, str(file))
    if not listed:
        return load(file).gate
    value = YAML(typ="safe").load(_git("show", f"{reference}:{file}"))
    if "gate" not in value:
        return load(file).gate
    return parse(Gate, value["gate"], f"{reference}:{file}")


def _floor(name: str, floor: float, metrics: Mapping[str, float]) -> Check:
    value = metrics.get(name, math.nan)
    found = f"{value:.4f}" if math.isfinite(value) else "absent"
    return Check(name, found, f">= {floor:.4f}", math.isfinite(value) and value >= floor)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise ConfigError(
            f"git {' '.join(arguments)}: {done.stderr.strip()}; name a commit that exists"
        )
    return done.stdout
