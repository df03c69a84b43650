"""Classification: probes learn from all labels, and each predicts the class of every test example.

The entries are the probes. evaluation/protocol.py says what is fitted on what.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from annotated_types import Len

from twinview.core import declare, registry
from twinview.core.types import labelled_rows
from twinview.evaluation.contender import Contender, Result
from twinview.evaluation.metrics import classification_metrics, roc_auc
from twinview.evaluation.protocol import Prediction, predict_test
from twinview.settings.params import Params
from twinview.settings.sections import Distinct, OneOf

Measure = Literal["accuracy", "precision", "recall", "f1", "balanced_accuracy", "roc_auc"]


def classification(
    contender: Contender,
    *,
    probes: Annotated[tuple[Annotated[str, OneOf("probes")], ...], Len(1), Distinct],
    measures: Annotated[tuple[Measure, ...], Len(1), Distinct],
) -> dict[str, Result]:
    """The metrics of each probe, by its name, with the predicted labels.

    Parameters
    ----------
    contender : the features, and the values from which validation chooses the probes' options.
    probes : the names of the probes.
    measures : what is measured, the accuracy first. Precision, recall and F1 are means over
        classes. With classes of uneven size, F1 or the balanced accuracy says more than the
        accuracy does. roc_auc is the area under the ROC curve, which does not depend on where
        the line between two classes is drawn.
    """
    # The probe also predicts the test examples without a label, which no measure counts.
    parts = {**contender.labelled, "test": contender.parts["test"]}
    return {
        name: _result(
            contender,
            predict_test(parts, contender.probe(name), contender.probes[name]),
            measures,
        )
        for name in contender.progress(probes, len(probes), "evaluate: classification")
    }


def _result(contender: Contender, prediction: Prediction, measures: Sequence[str]) -> Result:
    truth = contender.labelled["test"].required_labels()
    rows = labelled_rows(contender.parts["test"].labels)
    found = classification_metrics(truth, prediction.labels[rows], contender.classes)
    if "roc_auc" in measures:
        found["roc_auc"] = roc_auc(truth, prediction.shares[rows])
    metrics = {measure: found[measure] for measure in measures}
    metrics["validation_accuracy"] = max(trial["accuracy"] for trial in prediction.tried)
    details = {"classes": found["classes"], "confusion": found["confusion"]}
    details |= {"chosen": prediction.chosen, "validation": prediction.tried}
    return Result(metrics, details, prediction.labels)


def _check(options: Mapping[str, Any], settings: Params) -> Iterator[str]:
    first = options["measures"][0]
    if first != "accuracy":
        yield (
            f"tasks.classification.measures: begins with {first!r}; begin with accuracy, by which "
            "encoders are compared"
        )


def _check_counts(
    options: Mapping[str, Any], counts: Mapping[str, Mapping[str, int]]
) -> Iterator[str]:
    if "roc_auc" in options["measures"] and len(counts["test"]) < 2:
        yield (
            "tasks.classification.measures: has roc_auc, which needs two classes, and the labelled "
            f"examples of test have one: {next(iter(counts['test']))!r}; take it out"
        )


def _entries(options: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"{name} probe" for name in options["probes"]}


def _is_probe(name: str) -> bool:
    return name in registry.names("probes")


DECLARES = declare.Task(
    check=_check,
    entries=_entries,
    measures={
        "accuracy": "accuracy",
        "precision": "precision",
        "recall": "recall",
        "f1": "F1",
        "balanced_accuracy": "balanced accuracy",
        "roc_auc": "AUC",
    },
    primary="accuracy",
    needs_labels=True,
    could_have=_is_probe,
    lists=("probes", "measures"),
    over_groups=True,
    check_counts=_check_counts,
)
