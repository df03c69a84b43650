"""The model card: what an encoder is, was measured to do, and is not known to do, in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from twinview.core import files, paths
from twinview.core.templates import render
from twinview.evaluation import protocol
from twinview.experiments.intervals import interval
from twinview.experiments.metric_names import RAW, SUPERVISED
from twinview.experiments.trainings import Trainings
from twinview.release import gate_table
from twinview.release.champions import PublishedEncoder
from twinview.release.gate import Check

_TEMPLATE = Path(__file__).parent / "model_card.md.j2"
# Of the row's settings those that make an encoder, in this order.
_SETTINGS = ("data", "views", "pretrain", "methods", "encoders", "heads", "embed")


def render_card(
    model: str,
    version: str,
    row: PublishedEncoder,
    ours: Trainings,
    checks: Sequence[Check],
    place: str,
) -> str:
    """The card of a version of a registered model, out of its row and the reports.

    checks, place: the gate that it passed, and where its thresholds stand.
    """
    found = files.load_json(paths.EVALUATION)
    return render(
        _TEMPLATE,
        escaped=False,  # Markdown, read by MLflow's pages, which let no HTML through
        model=model,
        version=version,
        row=row,
        settings=_settings(row.params),
        data=files.load_json(paths.DATA_CARD),
        pretrained=files.load_json(paths.PRETRAIN_RUN),
        protocol=found["protocol"],
        procedure=str(protocol.__doc__).partition("\n\n")[2].strip(),
        results=list(_results(found["contenders"], ours)),
        worst=_worst(found["contenders"][paths.OURS]),
        seeds=_seeds(ours),
        gate=gate_table.markdown(checks, place),
    )


def format_mean(values: Sequence[float]) -> str:
    """The mean and its interval; a dash for one value, or none."""
    if len(values) < 2:
        return "–"
    found = interval(values)
    return f"{found.mean:.4f} ± {found.half:.4f} (n = {found.n})"


def _results(contenders: Mapping[str, Any], ours: Trainings) -> Iterator[dict[str, str]]:
    """Accuracy on each task: this encoder's, over seeds, over draws of labels, and others'."""
    for task, found in contenders[paths.OURS].items():
        others = {
            name: f"{contenders[of][task]['accuracy']:.4f}" if of in contenders else "–"
            for name, of in (("raw", RAW), ("supervised", SUPERVISED))
        }
        yield {
            "task": task,
            "accuracy": f"{found['accuracy']:.4f}",
            "seeds": format_mean(ours.values.get(f"{task}.accuracy", ())),
            "draws": format_mean(found.get("draws", ())),
            **others,
        }


def _seeds(ours: Trainings) -> str:
    """How far the numbers may be the luck of one training."""
    if ours.count == 1:
        return "Its numbers are of one training: how much the seed alone moves them is not known."
    return f"Its intervals over seeds rest on {ours.count} trainings."


def _worst(ours: Mapping[str, Any]) -> str:
    """The class that the first probe finds least often."""
    task, found = next(iter(ours.items()))
    name, of = min(found["classes"].items(), key=lambda item: float(item[1]["recall"]))
    return f"{name}, of which the probe {task} finds {of['recall']:.1%}"


def _settings(params: Mapping[str, str]) -> dict[str, str]:
    """The row's settings that made the encoder, in order."""
    return {
        name: value
        for section in _SETTINGS
        for name, value in params.items()
        if name.startswith(f"{section}.")
    }
