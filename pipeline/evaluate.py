"""Stage evaluate: the metrics of the encoder under the protocol, and those of the baselines."""

from collections.abc import Callable, Mapping
from functools import partial

from twinview.compute import devices
from twinview.core import entries, files, paths
from twinview.core.csv_files import save_rows
from twinview.core.types import Embeddings
from twinview.data import splits
from twinview.evaluation import contender, protocol
from twinview.evaluation.contender import Contender, Result
from twinview.evaluation.final_probe import final_linear
from twinview.models import embeddings, extractors, probe
from twinview.models.extractors import Extractor
from twinview.settings import left_out, params
from twinview.stages import stage
from twinview.stages.declared import Stage
from twinview.views.sample import SampledViews

STAGE = Stage(
    reads=(
        paths.EMBEDDINGS,
        paths.PREPARED,
        paths.VIEWS,
        paths.ENCODER,
        paths.HEAD,
        paths.PROJECTIONS,
        paths.BASELINE_DETAILS,
    ),
    settings=(
        "baselines.supervised",
        "embed",
        "evaluate",
        "tasks",
        "probes",
        "pretrain.device",
        "pretrain.threads",
    ),
    plug_ins=("tasks", "probes", "encoders", "heads", "augmentations", "modalities"),
    writes=(paths.PROBE, paths.EVALUATION, paths.PREDICTIONS),
    metrics=(paths.METRICS,),
)


def main() -> None:
    """Evaluates the encoder; writes metrics, predictions, the linear probe and all details.

    Tasks that need labels are left out where a split has none, and there is no probe then.
    """
    settings = params.load()
    devices.set_threads(settings.pretrain.threads)
    device = devices.choose_device(settings.pretrain.device)
    classes, parts = splits.load_classes(paths.PREPARED), embeddings.load(paths.EMBEDDINGS)
    unlabelled = splits.unlabelled(parts)
    excluded = left_out.tasks(settings.evaluate.tasks, unlabelled)
    names = [name for name in settings.evaluate.tasks if name not in excluded]
    tasks = [settings.bound("tasks", name) for name in names]

    sampled = SampledViews(paths.PREPARED, paths.VIEWS)
    extract = partial(extractors.of_encoder, paths.ENCODER, settings.embed, device)

    def evaluate(
        parts: Mapping[str, Embeddings], load: Callable[[], Extractor]
    ) -> dict[str, Result]:
        views = extractors.of_views(sampled, load)
        asked = Contender(parts, classes, settings.probes, stage.progress, views)
        return protocol.evaluate(asked, tasks)

    results = evaluate(parts, extract)
    save_probe(settings, parts, classes)
    contenders = {paths.OURS: contender.details(results)}
    if settings.evaluate.probe_projections:
        projected = evaluate(
            embeddings.load(paths.PROJECTIONS), lambda: extractors.of_head(extract(), paths.HEAD)
        )
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
    mirror = settings.embed.mirror
    if splits.unlabelled(parts):
        probe.save_none(paths.PROBE, probe.NoProbe("the data have no labels", mirror))
        return
    with stage.show_elapsed("evaluate: the linear probe, for use"):
        fitted, options = final_linear(parts, settings.probes["linear"])
    probe.save(paths.PROBE, probe.with_class_names(fitted, classes, mirror), options)


if __name__ == "__main__":
    stage.run(main)
