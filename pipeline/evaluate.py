"""Stage evaluate: the encoder under the protocol, beside the baselines."""

from twinview import artifacts, embeddings, engine, evaluation, params, paths, splits, stage
from twinview.tables import save_rows


def main() -> None:
    """Probes the encoder; writes its metrics, its predictions, and all contenders' details."""
    settings = params.load()
    engine.use_threads(settings.pretrain.threads)
    classes = splits.load_classes(paths.PREPARED)
    parts = embeddings.load(paths.EMBEDDINGS)
    found, predicted = evaluation.score(
        parts, settings.evaluate, settings.probes, classes, stage.progress
    )
    test = parts["test"]
    rows = [
        {"id": int(row_id), "actual": classes[truth]}
        | {probe: classes[labels[place]] for probe, labels in predicted.items()}
        for place, (row_id, truth) in enumerate(zip(test.ids, test.known_labels(), strict=True))
    ]
    save_rows(paths.PREDICTIONS, rows)
    artifacts.save_json(paths.METRICS, evaluation.headline(found))
    contenders = {paths.OURS: found} | artifacts.load_json(paths.BASELINE_DETAILS)
    detail = {"protocol": evaluation.PROTOCOL, "classes": classes, "contenders": contenders}
    artifacts.save_json(paths.EVALUATION, detail)


if __name__ == "__main__":
    stage.run(main)
