"""Stage evaluate: the encoder and its baselines under one protocol."""

from functools import partial
from typing import Any

from twinview import (
    artifacts,
    embeddings,
    engine,
    evaluation,
    params,
    paths,
    registry,
    splits,
    stage,
)
from twinview.probes.linear import linear
from twinview.tables import save_rows


def main() -> None:
    """Probes every contender; writes the metrics, the baselines' and all details."""
    settings = params.load()
    own, few = settings.evaluate, settings.evaluate.few_labels
    engine.use_threads(settings.pretrain.threads)
    classes = splits.load_classes(paths.PREPARED)
    folders = {paths.OURS: paths.EMBEDDINGS}
    folders |= {paths.OURS_Z: paths.PROJECTIONS} if own.projections else {}
    folders |= {p.name: p for p in sorted(paths.BASELINES.iterdir())}
    tasks: list[str | int] = [*own.probes, *few.per_class]

    found: dict[str, dict[str, Any]] = {name: {} for name in folders}
    predicted = {}
    for name, folder in folders.items():
        parts = embeddings.load(folder)
        evaluation.require_labels(parts)
        for task in stage.progress(tasks, len(tasks), f"evaluate {name}"):
            if isinstance(task, int):
                found[name][f"labels_{task}"] = evaluation.few_labels(
                    parts, partial(linear, strength=few.strength), task, few.draws, few.seed
                )
            else:
                found[name][task], predicted[name, task] = evaluation.evaluate(
                    parts, registry.find("probes", task), settings.probes[task], classes
                )

    test = embeddings.load(folders[paths.OURS])["test"]
    rows = [
        {"id": int(row_id), "actual": classes[truth]}
        | {probe: classes[predicted[paths.OURS, probe][place]] for probe in own.probes}
        for place, (row_id, truth) in enumerate(zip(test.ids, test.known_labels(), strict=True))
    ]
    save_rows(paths.PREDICTIONS, rows)
    artifacts.save_json(paths.METRICS, evaluation.headline(found[paths.OURS]))
    baselines = {name: evaluation.headline(of) for name, of in found.items() if name != paths.OURS}
    artifacts.save_json(paths.BASELINE_METRICS, baselines)
    detail = {"protocol": evaluation.PROTOCOL, "classes": classes, "contenders": found}
    artifacts.save_json(paths.EVALUATION, detail)


if __name__ == "__main__":
    stage.run(main)
