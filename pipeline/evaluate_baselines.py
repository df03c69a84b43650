"""Stage evaluate_baselines: the metrics of the baselines, computed once for all encoders."""

from functools import partial

from twinview.compute import devices
from twinview.core import files, paths
from twinview.data import splits
from twinview.evaluation import contender, words
from twinview.evaluation.contender import Contender, Result
from twinview.evaluation.judging import judge
from twinview.models import baseline_files, embeddings, extractors
from twinview.settings import left_out, params
from twinview.stages import stage
from twinview.stages.declared import Stage
from twinview.views.sample import SampledViews

STAGE = Stage(
    reads=(paths.BASELINES, paths.LABELS_INDEX, *paths.SAMPLED_VIEWS),
    settings=(
        "embed.batch_size",
        "embed.mirror",
        "evaluate",
        "tasks",
        "probes",
        "pretrain.device",
        "pretrain.threads",
    ),
    plug_ins=("tasks", "probes", "encoders", "augmentations", "modalities"),
    writes=(paths.BASELINE_DETAILS,),
    metrics=(paths.BASELINE_METRICS,),
    counted=("twinview.evaluation.label_counts",),  # it names the entries that are recorded
)


def main() -> None:
    """Evaluates every baseline in every task that the data allow; writes metrics and details."""
    settings = params.load()
    devices.set_threads(settings.pretrain.threads)
    device = devices.choose_device(settings.pretrain.device)
    sampled = SampledViews(paths.PREPARED, paths.VIEWS)
    classes = splits.load_classes(paths.PREPARED)
    tasks = {name: settings.bound("tasks", name) for name in settings.evaluate.tasks}
    results: dict[str, dict[str, Result]] = {}
    excluded: dict[str, str] = {}
    for folder in sorted(paths.BASELINES.iterdir()):
        parts = embeddings.load(folder)
        excluded = left_out.tasks(settings.evaluate.tasks, splits.unlabelled(parts))
        load = partial(extractors.of_baseline, folder, sampled, settings.embed, device)
        views = extractors.of_views(sampled, load)
        asked = Contender(parts, classes, settings.probes, stage.progress, views)
        saw_labels = folder.name == left_out.SUPERVISED
        draws = settings.evaluate.group_folds
        results[folder.name] = judge(asked, tasks, draws, saw_labels=saw_labels)
        if (folder / baseline_files.WORDS).is_dir():
            tokens = embeddings.load(folder / baseline_files.WORDS)
            idf = baseline_files.load_fitted(folder)["idf"]
            counted = words.contender(tokens, idf, asked, sampled.take_companions)
            results[folder.name] |= judge(counted, words.able(tasks), None)
    metrics = {name: contender.metrics(of) for name, of in results.items()}
    files.save_json(paths.BASELINE_METRICS, metrics)
    details = {name: contender.details(of) for name, of in results.items()}
    files.save_json(paths.BASELINE_DETAILS, details)
    for line in left_out.lines(excluded):
        print(f"evaluate_baselines: {line}")


if __name__ == "__main__":
    stage.run(main)
