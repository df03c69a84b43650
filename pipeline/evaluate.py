"""Stage evaluate: the metrics of the encoder under the protocol, and those of the baselines."""

from collections.abc import Mapping

from twinview.compute import devices
from twinview.core import entries, files, paths
from twinview.core.csv_files import save_rows
from twinview.core.types import Embeddings
from twinview.data import splits
from twinview.evaluation import contender, protocol
from twinview.evaluation.contender import Contender, Result
from twinview.evaluation.final_probe import final_linear
from twinview.models import embeddings, probe
from twinview.settings import params
from twinview.stages import stage
from twinview.stages.declared import Stage

STAGE = Stage(
    reads=(paths.EMBEDDINGS, paths.PREPARED_INDEX, paths.PROJECTIONS, paths.BASELINE_DETAILS),
    settings=("embed.mirror", "evaluate", "tasks", "probes", "pretrain.threads"),
    plug_ins=("tasks", "probes"),
    writes=(paths.PROBE, paths.EVALUATION, paths.PREDICTIONS),
    metrics=(paths.METRICS,),
)


def main() -> None:
    """Evaluates the encoder; writes metrics, predictions, the linear probe and all details."""
    settings = params.load()
    devices.set_threads(settings.pretrain.threads)
    classes = splits.load_classes(paths.PREPARED)
    names = settings.evaluate.tasks
    tasks = [settings.bound("tasks", name) for name in names]

    def evaluate(parts: Mapping[str, Embeddings]) -> dict[str, Result]:
        asked = Contender(parts, classes, settings.probes, stage.progress)
        return protocol.evaluate(asked, tasks)

    parts = embeddings.load(paths.EMBEDDINGS)
    results = evaluate(parts)
    with stage.show_elapsed("evaluate: the linear probe, for use"):
        fitted, options = final_linear(parts, settings.probes["linear"])
    contenders = {paths.OURS: contender.details(results)}
    if settings.evaluate.probe_projections:
        projected = evaluate(embeddings.load(paths.PROJECTIONS))
        contenders[paths.OURS_Z] = contender.details(projected)
    save_rows(paths.PREDICTIONS, contender.predictions(results, parts["test"], classes))
    probe.save(paths.PROBE, probe.with_class_names(fitted, classes, settings.embed.mirror), options)
    files.save_json(paths.METRICS, contender.metrics(results))
    detail = {
        "protocol": protocol.PROTOCOL,
        "classes": classes,
        "entries": entries.to_json(entries.declared({n: settings.tasks[n] for n in names})),
        "contenders": contenders | files.load_json(paths.BASELINE_DETAILS),
    }
    files.save_json(paths.EVALUATION, detail)


if __name__ == "__main__":
    stage.run(main)
