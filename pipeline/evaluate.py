"""Stage evaluate: the encoder under the protocol, beside the baselines."""

from functools import partial

from twinview.compute import devices
from twinview.core import files, paths
from twinview.core.csv_files import save_rows
from twinview.data import splits
from twinview.evaluation import protocol
from twinview.evaluation.metrics import headline_metrics
from twinview.models import embeddings, probe
from twinview.settings import params
from twinview.stages import stage
from twinview.stages.declared import Stage

STAGE = Stage(
    reads=(paths.EMBEDDINGS, paths.PREPARED_INDEX, paths.PROJECTIONS, paths.BASELINE_DETAILS),
    settings=("embed.mirror", "evaluate", "probes", "pretrain.threads"),
    plug_ins=("probes",),
    writes=(paths.PROBE, paths.EVALUATION, paths.PREDICTIONS),
    metrics=(paths.METRICS,),
)


def main() -> None:
    """Probes the encoder; writes metrics, predictions, its linear probe, everyone's details."""
    settings = params.load()
    devices.set_threads(settings.pretrain.threads)
    classes = splits.load_classes(paths.PREPARED)
    score = partial(
        protocol.evaluate_contender,
        settings=settings.evaluate,
        grids=settings.probes,
        classes=classes,
        progress=stage.progress,
    )
    parts = embeddings.load(paths.EMBEDDINGS)
    found, predicted = score(parts)
    with stage.show_elapsed("evaluate: the linear probe, for use"):
        fitted, options = protocol.final_linear(parts, found, settings.probes["linear"])
    contenders = {paths.OURS: found}
    if settings.evaluate.projections:
        contenders[paths.OURS_Z] = score(embeddings.load(paths.PROJECTIONS))[0]
    test = parts["test"]
    rows = [
        {"id": int(row_id), "actual": classes[truth]}
        | {probe: classes[labels[place]] for probe, labels in predicted.items()}
        for place, (row_id, truth) in enumerate(zip(test.ids, test.required_labels(), strict=True))
    ]
    save_rows(paths.PREDICTIONS, rows)
    probe.save(paths.PROBE, probe.with_class_names(fitted, classes, settings.embed.mirror), options)
    files.save_json(paths.METRICS, headline_metrics(found))
    contenders |= files.load_json(paths.BASELINE_DETAILS)
    detail = {"protocol": protocol.PROTOCOL, "classes": classes, "contenders": contenders}
    files.save_json(paths.EVALUATION, detail)


if __name__ == "__main__":
    stage.run(main)
