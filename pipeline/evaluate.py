"""Stage evaluate: the metrics of the encoder under the protocol, and those of the baselines."""

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
    """Evaluates the encoder; writes metrics, predictions, the linear probe and all details."""
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
    results, predicted = score(parts)
    with stage.show_elapsed("evaluate: the linear probe, for use"):
        model, options = protocol.final_linear(parts, results, settings.probes["linear"])
    contenders = {paths.OURS: results}
    if settings.evaluate.projections:
        contenders[paths.OURS_Z] = score(embeddings.load(paths.PROJECTIONS))[0]
    test = parts["test"]
    rows = [
        {"id": int(row_id), "actual": classes[truth]}
        | {name: classes[labels[row]] for name, labels in predicted.items()}
        for row, (row_id, truth) in enumerate(zip(test.ids, test.required_labels(), strict=True))
    ]
    save_rows(paths.PREDICTIONS, rows)
    probe.save(paths.PROBE, probe.with_class_names(model, classes, settings.embed.mirror), options)
    files.save_json(paths.METRICS, headline_metrics(results))
    contenders |= files.load_json(paths.BASELINE_DETAILS)
    details = {"protocol": protocol.PROTOCOL, "classes": classes, "contenders": contenders}
    files.save_json(paths.EVALUATION, details)


if __name__ == "__main__":
    stage.run(main)
