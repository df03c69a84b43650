"""Promotion: the published encoder is registered, and becomes champion, when the gate holds."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from twinview.core import files, paths
from twinview.experiments import recorded_run
from twinview.experiments.recorded_run import RecordedRun
from twinview.experiments.trainings import trainings
from twinview.models import encoder
from twinview.release import champions, model_card
from twinview.release.gate import Check, Reference, holds, run_gate
from twinview.settings.sections import Gate
from twinview.stages import stage


@dataclass(frozen=True)
class Promotion:
    """What became of it. version: of the registered model; None where the gate refused.

    registered: whether the version is new. checks: none where it was the champion before.
    trainings: how many its card tells of.
    """

    model: str
    version: str | None
    registered: bool
    checks: list[Check]
    trainings: int


def promote(settings: Gate, place: str, references: Sequence[Reference]) -> Promotion:
    """Registers the encoder of the row that has the results in reports/, and crowns it.

    place: where the settings stand. references: results beside the champion's that the gate
    compares with. An encoder that is registered already is not registered again; its card, and the
    spread that a gate knows of it, are renewed when more seeds were trained. Raises DataError when
    no row has the results.
    """
    with stage.alone("promote"):
        run = recorded_run.in_folder()
        ours, row = trainings(run), _row(run)
        same = _same_encoder(run)
        known = champions.find_version(settings.model, same)
        leads = known is not None and known.is_champion
        against = [*references, *([] if leads else [champions.champion_results(settings.model)])]
        checks = run_gate(settings, run, against)
        if not leads and not holds(checks):
            return Promotion(settings.model, None, False, checks, 0)
        version = known.version if known else champions.register(settings.model, row, same)
        if known is None or known.trainings < ours.count:
            card = model_card.render_card(settings.model, version, row, ours, checks, place)
            champions.attach_card(settings.model, version, card, ours)
        champions.set_champion(settings.model, version)
        told = max(ours.count, known.trainings if known else 0)
        return Promotion(settings.model, version, known is None, [] if leads else checks, told)


def _row(run: RecordedRun) -> champions.PublishedEncoder:
    """The row of these reports: it has the encoder's metrics and its pretraining's run.

    The baselines do not tell: which of theirs a row has is another matter in each version.
    """
    pretrained = files.load_json(paths.PRETRAIN_RUN)["run_id"]
    return champions.find_published(files.flatten(run.metrics), pretrained)


def _same_encoder(run: RecordedRun) -> str:
    """A name for the encoder's weights under the metrics that they have."""
    weights = files.sha256(paths.ENCODER / encoder.WEIGHTS)
    said = json.dumps([weights, run.metrics])
    return hashlib.sha256(said.encode()).hexdigest()[:16]
