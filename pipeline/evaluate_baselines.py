"""Stage evaluate_baselines: the metrics of the baselines, computed once for all encoders."""

from twinview.compute import devices
from twinview.core import files, paths
from twinview.data import splits
from twinview.evaluation import protocol
from twinview.evaluation.metrics import headline_metrics
from twinview.models import embeddings
from twinview.settings import params
from twinview.stages import stage
from twinview.stages.declared import Stage

STAGE = Stage(
    reads=(paths.BASELINES, paths.PREPARED_INDEX),
    settings=("evaluate", "probes", "pretrain.threads"),
    plug_ins=("probes",),
    writes=(paths.BASELINE_DETAILS,),
    metrics=(paths.BASELINE_METRICS,),
)


def main() -> None:
    """Evaluates every baseline; writes metrics and details."""
    settings = params.load()
    devices.set_threads(settings.pretrain.threads)
    classes = splits.load_classes(paths.PREPARED)
    results = {
        folder.name: protocol.evaluate_contender(
            embeddings.load(folder), settings.evaluate, settings.probes, classes, stage.progress
        )[0]
        for folder in sorted(paths.BASELINES.iterdir())
    }
    metrics = {name: headline_metrics(result) for name, result in results.items()}
    files.save_json(paths.BASELINE_METRICS, metrics)
    files.save_json(paths.BASELINE_DETAILS, results)


if __name__ == "__main__":
    stage.run(main)
