"""The gate: metrics that a change must keep, read from the base branch where there is one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from twinview import artifacts, paths
from twinview.commands import git
from twinview.errors import ConfigError
from twinview.params import load, parse
from twinview.sections import Gate


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

    Without a reference, or where its file states no gate yet, the working tree's.
    Raises ConfigError for a reference that does not exist.
    """
    if reference is None:
        return load(file).gate
    if git("rev-parse", "--verify", f"{reference}^{{commit}}") is None:
        raise ConfigError(
            f"git knows no commit {reference!r} to read the gate of; name a commit that exists"
        )
    stated = git("show", f"{reference}:{file}")
    value = YAML(typ="safe").load(stated) if stated else {}
    if "gate" not in value:
        return load(file).gate
    return parse(Gate, value["gate"], f"{reference}:{file}")


def _floor(name: str, floor: float, metrics: Mapping[str, float]) -> Check:
    value = metrics.get(name, math.nan)
    found = f"{value:.4f}" if math.isfinite(value) else "absent"
    return Check(name, found, f">= {floor:.4f}", math.isfinite(value) and value >= floor)
