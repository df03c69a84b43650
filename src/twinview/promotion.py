"""Promotion: the published encoder is registered, and becomes champion, when the gate holds."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from twinview import artifacts, champions, encoder, model_card, paths, stage, tracking
from twinview.gate import Check, Reference, here, holds, run_gate
from twinview.sections import Gate


@dataclass(frozen=True)
class Promotion:
    """What became of it. version: of the registered model; None where the gate refused.

    registered: whether the version is new. checks: none where it was the champion before.
    """

    model: str
    version: str | None
    registered: bool
    checks: list[Check]


def promote(settings: Gate, place: str, references: Sequence[Reference]) -> Promotion:
    """Registers the encoder of the row that has the results in reports/, and crowns it.

    place: where the settings stand. references: results beside the champion's that the gate
    compares with. An encoder that is registered already is not registered again. Raises DataError
    when no row has the results.
    """
    with stage.alone("promote"):
        ours = here(Path())
        row = champions.published(*_results())
        same = _identity()
        known = champions.version_of(settings.model, same)
        if known and known[1]:
            return Promotion(settings.model, known[0], False, [])
        against = [*references, champions.champion(settings.model)]
        checks = run_gate(settings, Path(), against)
        if not holds(checks):
            return Promotion(settings.model, None, False, checks)
        version = known[0] if known else None
        if version is None:
            version = champions.register(settings.model, row, same, ours.values)
        card = model_card.card(settings.model, version, row, ours, checks, place)
        champions.describe(settings.model, version, card)
        champions.crown(settings.model, version)
        return Promotion(settings.model, version, known is None, checks)


def _results() -> tuple[dict[str, float], str]:
    """The metrics that a row of these reports has, and the id of the pretraining's run."""
    ours, others = map(artifacts.load_json, (paths.METRICS, paths.BASELINE_METRICS))
    return tracking.row_metrics(ours, others), artifacts.load_json(paths.PRETRAIN_RUN)["run_id"]


def _identity() -> str:
    """A name for the encoder's weights under the metrics that they have."""
    weights = artifacts.sha256(paths.ENCODER / encoder.WEIGHTS)
    said = json.dumps([weights, artifacts.load_json(paths.METRICS)])
    return hashlib.sha256(said.encode()).hexdigest()[:16]
