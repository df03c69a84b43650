"""Stage evaluate: the metrics of the encoder under the protocol, and those of the baselines."""

from dataclasses import replace
from functools import partial

from twinview.compute import devices
from twinview.core import entries, files, paths
from twinview.core.csv_files import save_rows
from twinview.data import splits
from twinview.evaluation import contender, protocol
from twinview.evaluation.contender import Contender
from twinview.evaluation.final_probe import final_linear
from twinview.evaluation.judging import judge
from twinview.evaluation.label_notes import label_notes
from twinview.models import embeddings, extractors, probe
from twinview.settings import left_out, params
from twinview.stages import stage
from twinview.stages.declared import Stage
from twinview.views.sample import SampledViews

STAGE = Stage(
    reads=(
        paths.EMBEDDINGS,
        paths.LABELS_INDEX,
        paths.PROJECTIONS,
        paths.BASELINE_DETAILS,
        *paths.SAMPLED_VIEWS,
        paths.ENCODER,
        paths.EMBEDDER,
        paths.HEAD,
    ),
    settings=(
        "baselines.supervised",
        "embed.batch_size",
        "evaluate",
        "tasks",
        "probes",
        "pretrain.device",
        "pretrain.threads",
    ),
    plug_ins=("tasks", "probes", "encoders", "heads", "augmentations", "modalities"),
    writes=(paths.PROBE, paths.EVALUATION, paths.PREDICTIONS),
    metrics=(paths.METRICS,),
    counted=("twinview.evaluation.label_counts",),  # it names the entries that are recorded
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
    sampled, batch_size = SampledViews(paths.PREPARED, paths.VIEWS), settings.embed.batch_size
    extract = partial(extractors.of_encoder, paths.ENCODER.parent, batch_size, device)
    project = partial(extractors.of_head, paths.ENCODER.parent, batch_size, device)
    views = extractors.of_views(sampled, extract)
    ours = Contender(parts, classes, settings.probes, stage.progress, views)
    tasks = {name: settings.bound("tasks", name) for name in settings.evaluate.tasks}
    results = judge(ours, tasks, settings.evaluate.group_folds)
    save_probe(settings, ours)
    contenders = {paths.OURS: contender.details(results)}
    if settings.evaluate.probe_projections:
        views = extractors.of_views(sampled, project)
        ours_z = replace(ours, parts=embeddings.load(paths.PROJECTIONS), views=views)
        projected = judge(ours_z, tasks, settings.evaluate.group_folds)
        contenders[paths.OURS_Z] = contender.details(projected)
    save_rows(paths.PREDICTIONS, contender.predictions(results, parts["test"], classes))
    files.save_json(paths.METRICS, contender.metrics(results))
    notes = label_notes(parts, classes)
    declared = entries.declared({n: settings.tasks[n] for n in tasks if n not in excluded})
    detail = {
        "protocol": protocol.PROTOCOL,
        "classes": classes,
        "entries": entries.to_json(contender.in_words(declared, results)),
        "contenders": contenders | files.load_json(paths.BASELINE_DETAILS),
    }
    excluded |= left_out.baselines(settings.baselines.supervised, unlabelled)
    detail |= {key: of for key, of in (("left_out", excluded), ("notes", notes)) if of}
    files.save_json(paths.EVALUATION, detail)
    for line in [*left_out.lines(excluded), *notes]:
        print(f"evaluate: {line}")


def save_probe(settings: params.Params, ours: Contender) -> None:
    """Writes the linear probe of all labels, or where a split has none, why there is no probe."""
    if splits.unlabelled(ours.parts):
        probe.save_none(paths.PROBE, probe.NoProbe("the data have no labels"))
        return
    with stage.show_elapsed("evaluate: the linear probe, for use"):
        fitted, options = final_linear(ours.labelled, settings.probes["linear"])
    probe.save(paths.PROBE, probe.with_class_names(fitted, ours.classes), options)


if __name__ == "__main__":
    stage.run(main)
