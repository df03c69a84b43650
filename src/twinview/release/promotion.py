"""Promotion: registers the published encoder and makes it champion, if the gate holds."""

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
    """The result of a promotion.

    version: of the registered model, or None when the gate fails. registered: whether the version
    is new. checks: those of the gate; empty when the encoder was champion already. trainings: how
    many trainings its card is about.
    """

    model: str
    version: str | None
    registered: bool
    checks: list[Check]
    trainings: int


def promote(settings: Gate, place: str, references: Sequence[Reference]) -> Promotion:
    """Registers the encoder with the results in reports/, and makes it champion.

    A registered encoder is not registered again. Its card and its metrics are written again when
    more seeds have been trained.

    Parameters
    ----------
    settings : the gate's settings.
    place : where the settings stand.
    references : results, besides the champion's, that the gate compares with.

    Raises
    ------
    DataError : no row in MLflow has the results.
    """
    with stage.folder_lock("promote"):
        run = recorded_run.in_folder()
        ours, row = trainings(run), _published_encoder(run)
        encoder_id = _encoder_id(run)
        known = champions.find_version(settings.model, encoder_id)
        is_champion = known is not None and known.is_champion
        champion = [] if is_champion else [champions.champion_results(settings.model)]
        checks = run_gate(settings, run, [*references, *champion])
        if not is_champion and not holds(checks):
            return Promotion(settings.model, None, False, checks, 0)
        version = known.version if known else champions.register(settings.model, row, encoder_id)
        if known is None or known.trainings < ours.count:
            card = model_card.render_card(settings.model, version, row, ours, checks, place)
            champions.attach_card(settings.model, version, card, ours)
        champions.set_champion(settings.model, version)
        count = max(ours.count, known.trainings if known else 0)
        shown = [] if is_champion else checks
        return Promotion(settings.model, version, known is None, shown, count)


def _published_encoder(run: RecordedRun) -> champions.PublishedEncoder:
    """The published encoder that has the metrics in reports/ and the run of the pretraining.

    The baselines' metrics are not compared, because versions of twinview log different ones.
    """
    pretrained = files.load_json(paths.PRETRAIN_RUN)["run_id"]
    return champions.find_published(files.flatten(run.metrics), pretrained)


def _encoder_id(run: RecordedRun) -> str:
    """A hash of the encoder's weights and metrics."""
    weights = files.sha256(paths.ENCODER / encoder.WEIGHTS)
    content = json.dumps([weights, run.metrics])
    return hashlib.sha256(content.encode()).hexdigest()[:16]
