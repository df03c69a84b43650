"""The encoder among scikit-learn's estimators."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from tests.support.used import pictures, save_models
from twinview.core.types import Statistics
from twinview.data.splits import Prepared
from twinview.models import encoder
from twinview.models.encoder import Description
from twinview.serving.scikit_learn import EncoderTransformer

OPTIONS = {
    "widths": (4,),
    "strides": (1,),
    "pool_size": 1,
    "pooled_layers": 1,
    "norm": "batch",
    "first_layer": "learned",
}
# check_estimator gives rows of 1 to 30 values of any size: pictures of one line, white far off.
ROWS: dict[str, Any] = {"shape": (1, 1, -1), "white": 1000.0, "mirror": True}
# scikit-learn's laws that the transformer breaks, and why: none.
EXPECTED_FAILED: dict[str, str] = {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The models of 12 x 12 pictures."""
    models = tmp_path_factory.mktemp("models")
    save_models(models)
    return str(models)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An encoder that takes pictures of any size."""
    path = tmp_path_factory.mktemp("narrow")
    description = Description("convnet", OPTIONS, "image", (1, 1, 8), Statistics((0.2,), (0.5,)))
    encoder.save(path, encoder.build(description, 0))
    return str(path)


def checked(transformer: EncoderTransformer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = check_estimator(
        transformer, expected_failed_checks=EXPECTED_FAILED, on_skip=None
    )
    return found


def test_it_keeps_scikit_learn_s_laws(narrow: str) -> None:
    found = checked(EncoderTransformer(narrow, **ROWS))
    passed = [check["check_name"] for check in found if check["status"] == "passed"]
    skipped = [check["check_name"] for check in found if check["status"] == "skipped"]
    assert len(passed) >= 40 and skipped in ([], ["check_array_api_input"])
    for law in ("transformer_general", "methods_subset_invariance", "positive_only_tag_during_fit"):
        assert f"check_{law}" in passed


class OfTheBatch(EncoderTransformer):
    """Features less their mean: what a row gives depends on the others."""

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        features = super().transform(X)
        return features - features.mean(0)


class Forgetful(EncoderTransformer):
    """Takes rows of other widths than it was fitted on."""

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        EncoderTransformer.fit(self, X)
        return super().transform(X)


class Writing(EncoderTransformer):
    """Changes its settings in fit."""

    def fit(self, X: Any, y: Any = None) -> "Writing":  # noqa: N803
        self.batch_size += 1
        super().fit(X)
        return self


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        # Of scikit-learn's two checks that see it, kernels say which one sees it first.
        (OfTheBatch, "is not invariant when applied to a (dataset|subset)"),
        (Forgetful, "does not check for consistency between input number\nof features"),
        (Writing, "should not change or mutate  the parameter batch_size"),
    ],
)
def test_a_broken_one_does_not(broken: type[EncoderTransformer], law: str, narrow: str) -> None:
    with pytest.raises(AssertionError, match=law):
        checked(broken(narrow, **ROWS))


@pytest.mark.parametrize("mirror", [True, False])
def test_its_features_are_the_encoder_s(mirror: bool, folder: str) -> None:
    alone, x = f"{folder}/encoder", pictures(7)
    own = encoder.load(Path(alone))
    with torch.inference_mode():
        expected = (own(x) + own(x.flip(3))) / 2 if mirror else own(x)
    found = EncoderTransformer(alone, mirror=mirror, batch_size=3).fit_transform(x.numpy())
    assert np.allclose(found, expected, atol=1e-5) and found.dtype == np.float32


def test_pictures_rows_and_floats_give_the_same_features(folder: str) -> None:
    x = pictures(5).numpy()
    transformer = EncoderTransformer(folder).fit(x)
    expected = transformer.transform(x)
    assert np.array_equal(transformer.transform(x.reshape(5, -1)), expected)
    assert np.array_equal(transformer.transform(x.astype(float)), expected)
    floats = EncoderTransformer(folder, white=1).fit_transform(x / 255)
    assert np.allclose(floats, expected, atol=1e-5)


def test_it_works_in_a_pipeline_and_a_search(folder: str, shapes: Prepared) -> None:
    train, test = shapes.splits["train"], shapes.splits["test"]
    alone = EncoderTransformer(f"{folder}/encoder")
    pipeline = make_pipeline(alone, LogisticRegression(max_iter=1000))
    grid = {"encodertransformer__mirror": [True, False], "logisticregression__C": [0.1, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
    search.fit(train.inputs.flatten(1).numpy(), train.labels)
    assert len(search.cv_results_["params"]) == 4
    assert search.score(test.inputs.flatten(1).numpy(), test.labels) > 0.5  # three classes


def test_features_have_names_and_pandas_takes_them(folder: str) -> None:
    transformer = EncoderTransformer(folder).set_output(transform="pandas")
    table = transformer.fit_transform(pictures(3).numpy())
    assert table.shape == (3, encoder.load(Path(folder, "encoder")).dim)
    assert table.columns[0] == "encodertransformer0"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            pictures(2).numpy()[..., 1:].reshape(2, -1),
            r"rows of 132 values do not fit pictures of \(1, 12, 12\)",
        ),
        (pictures(2).numpy() / 255, "floats of at most 1; pass white=1"),
        (pictures(2).numpy() * 2.0, r"white=255 allows 0 to 255"),
        (pictures(2).numpy() - 1.0, "pictures hold -1 to"),
    ],
)
def test_other_pictures_are_refused(given: np.ndarray, said: str, folder: str) -> None:
    with pytest.raises(ValueError, match=said):
        EncoderTransformer(folder).fit(given)


@pytest.mark.parametrize(
    ("name", "mirror", "said"),
    [
        ("", True, "has encoder/ and embedder/; leave it out"),
        ("encoder", None, "is an encoder alone; give"),
    ],
)
def test_mirror_is_given_for_an_encoder_alone(
    name: str, mirror: bool | None, said: str, folder: str
) -> None:
    with pytest.raises(ValueError, match=said):
        EncoderTransformer(str(Path(folder, name)), mirror=mirror).fit(pictures(2).numpy())


def test_flattened_pictures_of_another_layout_are_refused_in_four_dimensions(folder: str) -> None:
    turned = np.zeros((2, 12, 12, 1), dtype=np.uint8)  # as many values, channels last
    with pytest.raises(ValueError, match=r"\(12, 12, 1\), not \(1, 12, 12\)"):
        EncoderTransformer(folder).fit(turned)
