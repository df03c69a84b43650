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
from twinview.settings import left_out, params
from twinview.stages import stage
from twinview.stages.declared import Stage

STAGE = Stage(
    reads=(paths.EMBEDDINGS, paths.LABELS_INDEX, paths.PROJECTIONS, paths.BASELINE_DETAILS),
    settings=(
        "baselines.supervised",
        "evaluate",
        "tasks",
        "probes",
        "pretrain.threads",
    ),
    plug_ins=("tasks", "probes"),
    writes=(paths.PROBE, paths.EVALUATION, paths.PREDICTIONS),
    metrics=(paths.METRICS,),
)


def main() -> None:
    """Evaluates the encoder; writes metrics, predictions, the linear probe and all details.

    Tasks that need labels are left out where a split has none, and there is no probe then.
    """
    settings = params.load()
    devices.set_threads(settings.pretrain.threads)
    classes, parts = splits.load_classes(paths.PREPARED), embeddings.load(paths.EMBEDDINGS)
    unlabelled = splits.unlabelled(parts)
    excluded = left_out.tasks(settings.evaluate.tasks, unlabelled)
    names = [name for name in settings.evaluate.tasks if name not in excluded]
    tasks = [settings.bound("tasks", name) for name in names]

    def evaluate(parts: Mapping[str, Embeddings]) -> dict[str, Result]:
        asked = Contender(parts, classes, settings.probes, stage.progress)
        return protocol.evaluate(asked, tasks)

    results = evaluate(parts)
    save_probe(settings, parts, classes)
    contenders = {paths.OURS: contender.details(results)}
    if settings.evaluate.probe_projections:
        projected = evaluate(embeddings.load(paths.PROJECTIONS))
        contenders[paths.OURS_Z] = contender.details(projected)
    save_rows(paths.PREDICTIONS, contender.predictions(results, parts["test"], classes))
    files.save_json(paths.METRICS, contender.metrics(results))
    detail = {
        "protocol": protocol.PROTOCOL,
        "classes": classes,
        "entries": entries.to_json(entries.declared({n: settings.tasks[n] for n in names})),
        "contenders": contenders | files.load_json(paths.BASELINE_DETAILS),
    }
    excluded |= left_out.baselines(settings.baselines.supervised, unlabelled)
    files.save_json(paths.EVALUATION, detail | ({"left_out": excluded} if excluded else {}))
    for line in left_out.lines(excluded):
        print(f"evaluate: {line}")


def save_probe(
    settings: params.Params, parts: Mapping[str, Embeddings], classes: tuple[str, ...]
) -> None:
    """Writes the linear probe of all labels, or where a split has none, why there is no probe."""
    if splits.unlabelled(parts):
        probe.save_none(paths.PROBE, probe.NoProbe("the data have no labels"))
        return
    with stage.show_elapsed("evaluate: the linear probe, for use"):
        fitted, options = final_linear(parts, settings.probes["linear"])
    probe.save(paths.PROBE, probe.with_class_names(fitted, classes), options)


if __name__ == "__main__":
    stage.run(main)
