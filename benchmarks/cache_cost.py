"""The costs of the view cache: accuracy, rate and disk for K cached views, beside live views.

The default recipe is trained for EPOCHS epochs, which take 2 * EPOCHS views of an example, more
than any K. The encoder is smaller (ENCODER), so that fifteen trainings take half an hour and the
time of rendering is a visible share. Accuracy is measured on validation, by a linear probe of one
strength and by cosine kNN.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import show, spread
from benchmarks.training import Training, knn_on_validation, linear_on_validation, with_pretrain
from twinview.core import paths
from twinview.settings import params
from twinview.settings.params import Params
from twinview.views.cache import cache_bytes, open_views
from twinview.views.live import Views

EPOCHS = 10
ENCODER = {"widths": [16, 32, 64], "strides": [2, 2, 1]}


def measure(
    counts: Sequence[int] = (2, 4, 8, 16), seeds: Sequence[int] = (0, 1, 2)
) -> dict[str, Any]:
    """The costs for each number of cached views, over training seeds.

    Keys: cache_8.linear, .knn, .examples_per_second (median, low, high over the training seeds),
    .disk_mb, .render_s; cache_live has no disk and no rendering.
    """
    results: dict[str, Any] = {}
    for count in counts:
        with tempfile.TemporaryDirectory(dir=paths.VIEWS.parent) as folder:
            results |= _cached(Path(folder) / "views", count, seeds)
    live = [_train(seed, None) for seed in seeds]
    return results | _results("cache_live", live)


def _cached(folder: Path, count: int, seeds: Sequence[int]) -> dict[str, Any]:
    training = Training.from_settings(_settings())
    train = training.prepared.splits["train"]
    start = time.perf_counter()
    training.render(folder, count)
    seconds = time.perf_counter() - start
    views = open_views(folder, train, training.prepared.modality)
    results = _results(f"cache_{count}", [_train(seed, views) for seed in seeds])
    megabytes = cache_bytes(train, count) / 1e6
    return results | {f"cache_{count}.disk_mb": megabytes, f"cache_{count}.render_s": seconds}


def _train(seed: int, views: Views | None) -> dict[str, float]:
    """The accuracies and the rate of one training; views are live if there is no cache."""
    training = Training.from_settings(with_pretrain(_settings(), epochs=EPOCHS, seed=seed))
    start = time.perf_counter()
    steps = sum(1 for _ in training.steps(views or training.live()))
    rate = steps * training.settings.pretrain.batch_size / (time.perf_counter() - start)
    results = {
        "linear": linear_on_validation(training.encoder, training.prepared),
        "knn": knn_on_validation(training.encoder, training.prepared),
        "examples_per_second": rate,
    }
    print(f"seed {seed}: {results}", file=sys.stderr, flush=True)
    return results


def _settings() -> Params:
    """The settings of params.yaml with the smaller encoder."""
    settings = params.load()
    convnet = settings.encoders["convnet"] | ENCODER
    return settings.model_copy(update={"encoders": settings.encoders | {"convnet": convnet}})


def _results(name: str, runs: Sequence[dict[str, float]]) -> dict[str, Any]:
    return {f"{name}.{key}": spread([run[key] for run in runs]) for key in runs[0]}


if __name__ == "__main__":
    show(measure())
