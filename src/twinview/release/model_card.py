"""The model card in Markdown: what an encoder is, what was measured, and what is not known."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from twinview.core import entries, files, paths
from twinview.core.entries import Entry, title
from twinview.core.templates import render
from twinview.evaluation import protocol
from twinview.experiments.intervals import interval
from twinview.experiments.metric_names import RAW, SUPERVISED
from twinview.experiments.trainings import Trainings
from twinview.release import gate_table
from twinview.release.champions import PublishedEncoder
from twinview.release.gate import Check

_TEMPLATE = Path(__file__).parent / "model_card.md.j2"
# The sections of settings that determine an encoder, in the order of the card.
_SETTINGS = ("data", "views", "pretrain", "methods", "encoders", "heads", "embed")


def render_card(
    model: str,
    version: str,
    row: PublishedEncoder,
    ours: Trainings,
    checks: Sequence[Check],
    place: str,
) -> str:
    """The card of a version of a registered model, from its row in MLflow and the reports.

    Parameters
    ----------
    model, version : which registered version.
    row : the published encoder.
    ours : its metrics over training seeds.
    checks, place : the gate that it passed, and where the gate's thresholds stand.
    """
    evaluation = files.load_json(paths.EVALUATION)
    declared = entries.recorded(evaluation)
    return render(
        _TEMPLATE,
        escaped=False,  # Markdown; MLflow's pages remove HTML themselves
        model=model,
        version=version,
        row=row,
        settings=_settings(row.params),
        data=files.load_json(paths.DATA_CARD),
        pretrained=files.load_json(paths.PRETRAIN_RUN),
        protocol=evaluation["protocol"],
        procedure=str(protocol.__doc__).partition("\n\n")[2].strip(),
        measures=title(entry.primary_words for entry in declared.values()),
        results=list(_results(evaluation["contenders"], declared, ours)),
        weakest_class=_weakest_class(evaluation["contenders"][paths.OURS], declared),
        left_out=evaluation.get("left_out", {}),
        seeds=_seeds(ours),
        gate=gate_table.markdown(checks, place),
    )


def format_mean(values: Sequence[float]) -> str:
    """The mean and its interval; a dash for fewer than two values."""
    if len(values) < 2:
        return "–"
    mean = interval(values)
    return f"{mean.mean:.4f} ± {mean.half:.4f} (n = {mean.n})"


def _results(
    contenders: Mapping[str, Any], declared: Mapping[str, Entry], ours: Trainings
) -> Iterator[dict[str, str]]:
    """For each entry, the primary measure of this encoder, over seeds and draws, and of others."""
    for entry, scores in contenders[paths.OURS].items():
        primary = declared[entry].primary
        raw = next((name for name in RAW if name in contenders), RAW[0])
        others = {
            name: f"{contenders[baseline][entry][primary]:.4f}" if baseline in contenders else "–"
            for name, baseline in (("raw", raw), ("supervised", SUPERVISED))
        }
        yield {
            "task": entry,
            "value": f"{scores[primary]:.4f}",
            "seeds": format_mean(ours.values.get(f"{entry}.{primary}", ())),
            "draws": format_mean(scores.get("draws", ())),
            **others,
        }


def _seeds(ours: Trainings) -> str:
    """How far the numbers may depend on the training seed."""
    if ours.count == 1:
        return "The numbers come from one training: how much they depend on its seed is not known."
    return f"The intervals over seeds come from {ours.count} trainings."


def _weakest_class(ours: Mapping[str, Any], declared: Mapping[str, Entry]) -> str:
    """The class with the lowest recall in the first entry that predicts classes; empty without."""
    predicting = [entry for entry, scores in ours.items() if "classes" in scores]
    if not predicting:
        return ""
    classes = ours[predicting[0]]["classes"]
    name, metrics = min(classes.items(), key=lambda item: float(item[1]["recall"]))
    return f"{name}, of which the {declared[predicting[0]].words} finds {metrics['recall']:.1%}"


def _settings(params: Mapping[str, str]) -> dict[str, str]:
    """The settings that determine the encoder, in the order of the card."""
    return {
        name: value
        for section in _SETTINGS
        for name, value in params.items()
        if name.startswith(f"{section}.")
    }
